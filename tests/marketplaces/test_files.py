"""Sellers' exported files: checked first, imported once however often, wrong rows reported."""

import csv
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.runtime import Runtime
from app.identity.models import Role
from app.marketplaces.importing import import_orders
from app.marketplaces.models import ExternalOrder, ExternalRefund
from app.marketplaces.service.sealing import open_raw
from app.orders.models import Order, OrderLine
from tests.factories.marketplaces import SHOP, SKU, Market, our_order, outside
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

TMALL = [
    "订单编号",
    "子订单编号",
    "商品标题",
    "商家编码",
    "购买数量",
    "买家实付金额",
    "买家实际支付金额",
    "订单状态",
    "订单付款时间",
    "收货人姓名",
    "联系手机",
    "收货地址",
    "买家留言",
    "商家备注",
    "退款金额",
    "店铺优惠",
]
WHERE = "上海市 徐汇区 梅陇一村12号301室"


def line(number: str, **said: str) -> list[str]:
    told = {
        "订单编号": f'="{number}"',
        "子订单编号": f"{number}1",
        "商品标题": "鲜牛奶月卡30瓶",
        "商家编码": SKU,
        "购买数量": "1",
        "买家实付金额": "90.00",
        "买家实际支付金额": "90.00",
        "订单状态": "买家已付款,等待卖家发货",
        "订单付款时间": "2026-03-14 20:00:00",
        "收货人姓名": "李雷",
        "联系手机": "'13712340001",
        "收货地址": WHERE,
        "店铺优惠": "满减",
    } | said
    return [told.get(title, "") for title in TMALL]


def written(path: Path, rows: list[list[str]], *, encoding: str = "gb18030") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([["千牛导出"], TMALL, *rows])
    return path


async def counted(session: AsyncSession, model: Any) -> int:
    session.expire_all()
    return await session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
async def test_a_file_is_checked_then_imported_once(
    market: Market,
    runtime: Runtime,
    session: AsyncSession,
    clock: SetClock,
    tmp_path: Path,
    drain_jobs: Any,
    encoding: str,
) -> None:
    await market.open_shop()
    path = written(
        tmp_path / "订单.csv",
        [
            line("3001"),
            line("3002", 子订单编号="A", 买家实际支付金额="180.00", 购买数量="1"),
            line("3002", 子订单编号="B", 买家实际支付金额="180.00", 买家留言="D001推荐"),
            line("3003", 订单付款时间="", 订单状态="等待买家付款"),
            line("3004", 购买数量="很多"),
            line("3005", 商家编码=""),
            line("3006", 买家实际支付金额="9o"),
        ],
        encoding=encoding,
    )
    assert not await import_orders(runtime, path, shop=SHOP, check_only=True)
    assert await counted(session, ExternalOrder) == 0
    reported = path.with_name("订单.errors.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[:2] for row in reported[1:]] == [
        ["7", "购买数量"],
        ["8", "商家编码"],
        ["9", "订单实付金额"],
    ]
    for _ in range(2):
        assert not await import_orders(runtime, path, shop=SHOP, check_only=False)
        await drain_jobs()
        assert await counted(session, ExternalOrder) == 2
        assert await counted(session, Order) == 2
    assert (await our_order(session, "3001")).status == "delivering"
    both = await our_order(session, "3002")
    assert (both.price_fen, both.deliverer_id) == (18000, market.world.deliverers[0])
    assert await counted(session, OrderLine) == 3
    told = open_raw(await outside(session, "3001"))
    assert told["lines"][0]["店铺优惠"] == "满减", "unknown columns are kept"
    await assert_invariants(session, clock.now())


async def test_jd_s_workbook(
    market: Market, runtime: Runtime, session: AsyncSession, tmp_path: Path, drain_jobs: Any
) -> None:
    await market.open_shop(code="jd-shop", source="jd")
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(
        [
            "订单号",
            "商品ID",
            "商品名称",
            "商家SKUID",
            "订购数量",
            "应付金额",
            "订单状态",
            "付款确认时间",
            "客户姓名",
            "客户地址",
            "联系电话",
        ]
    )
    sheet.append(
        [
            330012345678,
            10001,
            "鲜牛奶月卡",
            SKU,
            2,
            180,
            "等待出库",
            "2026-03-14 20:00:00",
            "韩梅梅",
            "上海市徐汇区梅陇一村12号302室",
            13712340002,
        ]
    )
    path = tmp_path / "京麦.xlsx"
    book.save(path)
    assert await import_orders(runtime, path, shop="jd-shop", check_only=False)
    await drain_jobs()
    order = await our_order(session, "330012345678")
    assert (order.source, order.status, order.price_fen) == ("jd", "delivering", 18000)
    (bought,) = list(await session.scalars(select(OrderLine)))
    assert bought.bottles_bought == 60
    assert not path.with_name("京麦.errors.csv").exists()


async def test_refunds_of_a_file_count_once_and_only_where_nobody_else_tells(
    market: Market, runtime: Runtime, session: AsyncSession, tmp_path: Path, drain_jobs: Any
) -> None:
    await market.post(
        "/marketplaces/shops",
        Role.MANAGER,
        code="file-only",
        name="随心订专营店",
        source="tmall",
        city_code="310000",
        listing_agreement="2026-01",
    )
    await market.map(code="file-only")
    for money, total in (("", 0), ("9.00", 900), ("9.00", 900), ("30.00", 3000)):
        path = written(tmp_path / "退款.csv", [line("4001", 退款金额=money)])
        assert await import_orders(runtime, path, shop="file-only", check_only=False)
        await drain_jobs()
        session.expire_all()
        amounts = list(await session.scalars(select(ExternalRefund.amount_fen)))
        assert sum(amounts) == total
    closed = written(tmp_path / "退款.csv", [line("4001", 订单状态="交易关闭")])
    assert await import_orders(runtime, closed, shop="file-only", check_only=False)
    await drain_jobs()
    assert (await our_order(session, "4001")).status == "cancelled"

    await market.open_shop()
    path = written(tmp_path / "推送.csv", [line("4002", 退款金额="90.00")])
    assert await import_orders(runtime, path, shop=SHOP, check_only=False)
    await drain_jobs()
    assert (await our_order(session, "4002")).status == "delivering", "its ERP tells refunds"


async def test_what_is_no_export_is_one_clear_sentence(
    market: Market, runtime: Runtime, session: AsyncSession, tmp_path: Path, capsys: Any
) -> None:
    await market.open_shop()
    for name, content in (
        ("leer.csv", b""),
        ("bild.csv", b"\x89PNG\xff\xff"),
        ("fremd.csv", "姓名,电话\n李雷,1\n".encode()),
        ("kaputt.xlsx", b"PK\x03\x04nothing"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert not await import_orders(runtime, path, shop=SHOP, check_only=False)
        assert "无法导入" in capsys.readouterr().err
    assert not await import_orders(runtime, tmp_path / "fehlt.csv", shop=SHOP, check_only=False)
    assert not await import_orders(runtime, path, shop="nobody", check_only=False)
    assert await counted(session, ExternalOrder) == 0
