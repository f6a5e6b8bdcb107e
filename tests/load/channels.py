"""Payers at the simulated channel, and what the worker makes of their money."""

from collections.abc import Awaitable, Callable, Collection

import httpx

from app.billing.rules import channel_number
from app.core.db import Database
from app.core.ids import read_pair
from tests.fixtures.foundation import scalar

_DELIVERING = """
SELECT count(*) FROM orders WHERE order_id = ANY(CAST(:orders AS uuid[])) AND status = 'delivering'
"""


class Channels:
    """The simulator's control, over HTTP."""

    def __init__(self, port: int) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False
        )

    async def pay(self, payment: str) -> None:
        """The payer pays; the platform notifies the product by itself."""
        _, payment_id = read_pair("pay", payment)
        number = channel_number("P", payment_id)
        answer = await self._http.post(f"/control/wechat/orders/{number}/pay", json={})
        assert answer.status_code == 200, answer.text

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()


def all_delivering(database: Database, orders: Collection[str]) -> Callable[[], Awaitable[bool]]:
    """Whether all these orders were paid, reviewed and approved by now."""
    ids = [str(read_pair("ord", order)[1]) for order in orders]

    async def look() -> bool:
        return await scalar(database, _DELIVERING, orders=ids) == len(ids)

    return look
