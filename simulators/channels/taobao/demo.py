"""What buyers have done in the demo shop before anybody looks: the same after every restart."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from simulators.channels.clock import SimClock
from simulators.channels.credentials import write_private
from simulators.channels.taobao.shop import Position, TaobaoShop

MONTH = Position(sku="MILK-30", title="鲜牛奶195ml月卡 30瓶", num=1, paid_fen=9_900)
YOGHURT = Position(sku="YOG-30", title="原味酸牛奶200ml月卡 30瓶", num=1, paid_fen=12_000)
"""Nobody has said yet what it is here."""
MASKED = {
    "receiver_name": "周**",
    "receiver_mobile": "*******6608",
    "receiver_city": "上海市",
    "receiver_district": "徐汇区",
    "receiver_address": "漕溪北路****",
}
PLAIN = {
    "receiver_name": "沈佳",
    "receiver_mobile": "13900006602",
    "receiver_city": "上海市",
    "receiver_district": "黄浦区",
    "receiver_address": "人民大道25号302室",
}


def open_demo_shop(shop: TaobaoShop, clock: SimClock, var: Path | None) -> None:
    """Let four buyers have paid: one as it should be, one masked, two of an unknown SKU.

    Their trades keep numbers and times over restarts, so that none is news twice; what is bought
    later is numbered by the clock.
    """
    opened = _opened(clock, var)
    for minutes, position, receiver in (
        (50, MONTH, PLAIN),
        (40, MONTH, MASKED),
        (25, YOGHURT, MASKED),
        (10, YOGHURT, PLAIN),
    ):
        shop.buy([position], receiver=receiver, at=opened - timedelta(minutes=minutes))
    shop.number_from(int(clock.now().timestamp()))


def _opened(clock: SimClock, var: Path | None) -> datetime:
    if var is None:
        return clock.now()
    file = var / "demo" / "taobao_shop.json"
    if not file.exists():
        write_private(file, json.dumps({"opened_at": clock.now().isoformat()}))
    return datetime.fromisoformat(json.loads(file.read_text(encoding="utf-8"))["opened_at"])
