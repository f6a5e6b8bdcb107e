"""The control API of the demo shop: buy, change, refund."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.routing import Route

from simulators.channels.control import Action, ControlError, Json, control_route, read_model
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.taobao.shop import Position, refund_json, trade_json


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BuyPosition(_Body):
    """One position."""

    sku: str
    title: str = "鲜牛奶月卡"
    num: int = Field(default=1, ge=1)
    paid_fen: int = Field(ge=0)


class Buy(_Body):
    """A purchase; without a receiver it is masked."""

    positions: list[BuyPosition] = Field(min_length=1)
    paid_fen: int | None = Field(default=None, ge=1)
    buyer_message: str = ""
    receiver: dict[str, str] | None = None


class GiveBack(_Body):
    """A refund of a trade, or of one of its positions (from 0)."""

    fee_fen: int = Field(ge=1)
    position: int | None = Field(default=None, ge=0)


class TaobaoControl:
    """Routes under /control/taobao."""

    def __init__(self, simulator: ChannelSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """What a demo does in the shop."""
        listed: list[tuple[str, str, Action]] = [
            ("GET", "/control/taobao/trades", self._trades),
            ("POST", "/control/taobao/trades", self._buy),
            ("POST", "/control/taobao/trades/{tid}/refund", self._refund),
        ]
        base_url = self._simulator.config.base_url
        return [control_route(*entry, base_url=base_url) for entry in listed]

    async def _trades(self, _: Request) -> Json:
        return [trade_json(trade) for trade in self._simulator.taobao_shop.trades.values()]

    async def _buy(self, request: Request) -> Json:
        asked = await read_model(request, Buy)
        trade = self._simulator.taobao_shop.buy(
            [Position(**one.model_dump()) for one in asked.positions],
            paid_fen=asked.paid_fen,
            buyer_message=asked.buyer_message,
            receiver=asked.receiver,
        )
        return trade_json(trade)

    async def _refund(self, request: Request) -> Json:
        asked = await read_model(request, GiveBack)
        tid: Any = request.path_params["tid"]
        if tid not in self._simulator.taobao_shop.trades:
            raise ControlError(404, "NO_TRADE", "没有这笔交易")
        made = self._simulator.taobao_shop.refund(tid, asked.fee_fen, position=asked.position)
        return refund_json(made)
