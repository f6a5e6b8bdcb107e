"""The control API of UnionPay: enter, pay, fail, leave open."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.routing import Route

from simulators.channels.control import Action, ControlError, Json, control_route, plain, read_model
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.unionpay.models import Txn, UnionPayRefusal
from simulators.channels.unionpay.txns import NotPayable


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PayTxn(_Body):
    """How the payer pays; `amount_fen` overrides what is booked, `late` pays after the end."""

    amount_fen: int | None = Field(default=None, ge=1)
    late: bool = False
    flawed: bool = False


class EnterPage(_Body):
    """What a payer's browser would post, URL-encoded."""

    form: str = Field(max_length=8000)


class UnionPayControl:
    """Routes under /control/unionpay."""

    def __init__(self, simulator: ChannelSimulator) -> None:
        self._simulator = simulator
        self._unionpay = simulator.unionpay

    def routes(self) -> list[Route]:
        """What a payer or a bank would do."""
        payment = "/control/unionpay/payments"
        listed: list[tuple[str, str, Action]] = [
            ("GET", payment, self._list),
            ("POST", payment, self._enter),
            ("GET", f"{payment}/{{number}}", self._show),
            ("POST", f"{payment}/{{number}}/pay", self._pay),
            ("POST", f"{payment}/{{number}}/fail", self._fail),
            ("POST", f"{payment}/{{number}}/hang", self._hang),
        ]
        base_url = self._simulator.config.base_url
        return [control_route(*entry, base_url=base_url) for entry in listed]

    async def _list(self, _: Request) -> Json:
        return [self._view(txn) for txn in self._unionpay.store.list_payments()]

    async def _enter(self, request: Request) -> Json:
        asked = await read_model(request, EnterPage)
        form = dict(parse_qsl(asked.form, keep_blank_values=True))
        return self._view(_attempt(self._unionpay.api.enter, form))

    async def _show(self, request: Request) -> Json:
        txn = self._unionpay.store.find_by_order(request.path_params["number"])
        if txn is None:
            raise ControlError(404, "34", "查无此交易")
        return self._view(txn)

    async def _pay(self, request: Request) -> Json:
        asked = await read_model(request, PayTxn)
        number = request.path_params["number"]
        return self._view(_attempt(self._unionpay.txns.pay, number, **asked.model_dump()))

    async def _fail(self, request: Request) -> Json:
        return self._view(_attempt(self._unionpay.txns.fail, request.path_params["number"]))

    async def _hang(self, request: Request) -> Json:
        return self._view(_attempt(self._unionpay.txns.hang, request.path_params["number"]))

    def _view(self, txn: Txn) -> dict[str, Any]:
        store = self._unionpay.store
        notices = [
            plain(notice) | {"log": [plain(one) for one in store.list_attempts(notice.id)]}
            for notice in store.list_notices(txn.order_id)
        ]
        refunds = [plain(refund) for refund in store.list_refunds(txn.query_id)]
        return plain(txn) | {"refunds": refunds, "notices": notices}


def _attempt(act: Callable[..., Txn], *args: Any, **named: Any) -> Txn:
    """Run an act of a payer; refusals become control errors."""
    try:
        return act(*args, **named)
    except NotPayable as reason:
        raise ControlError(409, "NOT_PAYABLE", str(reason)) from reason
    except UnionPayRefusal as refusal:
        raise ControlError(400, refusal.code, refusal.message) from refusal
