"""The cashier's desk of a station, for tests of its cash."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import func, select

from app.billing.cash_models import BankDeposit, CashFloat, HandIn, Remittance
from app.billing.models import LedgerTransfer
from app.core.db import Database
from app.core.ids import public_single
from app.identity.models import Role
from tests.factories.world import TODAY, StaffMember, World, once


@dataclass
class Counter:
    """The cashier's desk of the station, and who comes to it."""

    client: httpx.AsyncClient
    database: Database
    world: World

    @property
    def manager(self) -> StaffMember:
        """The station's manager, who counts."""
        return self.world.staff[Role.STATION_MANAGER]

    @property
    def finance(self) -> StaffMember:
        """The second person."""
        return self.world.staff[Role.FINANCE]

    @property
    def station(self) -> str:
        """Public id of the station."""
        return public_single("stn", self.world.station_id)

    def deliverer(self, number: int = 0) -> str:
        """Public id of a deliverer."""
        return public_single("dlv", self.world.deliverers[number])

    async def act(
        self, path: str, body: dict[str, Any] | None = None, *, by: StaffMember | None = None
    ) -> httpx.Response:
        """Send one act under a key of its own."""
        who = by or self.manager
        return await self.client.post(f"/cash/{path}", json=body, headers=who.headers | once())

    async def hand_in(
        self, due: int, counted: int | None = None, *, by: StaffMember | None = None, **more: Any
    ) -> httpx.Response:
        """Count what the first deliverer puts on the desk."""
        amounts = {"due_fen": due, "counted_fen": due if counted is None else counted}
        return await self.act("hand-ins", {"deliverer": self.deliverer()} | amounts | more, by=by)

    async def bank(self, fen: int, slip_no: str = "6230-001") -> httpx.Response:
        """Write down a slip of the bank."""
        facts = {"slip_no": slip_no, "amount_fen": fen, "deposited_date": TODAY.isoformat()}
        return await self.act("bank-deposits", facts)

    async def give(
        self, fen: int, *, back: bool = False, by: StaffMember | None = None
    ) -> httpx.Response:
        """Give the first deliverer change money, or take it back."""
        path = "floats/returns" if back else "floats"
        return await self.act(path, {"deliverer": self.deliverer(), "amount_fen": fen}, by=by)

    async def day(self, act: str, *, by: StaffMember | None = None, **body: Any) -> httpx.Response:
        """Close or reopen today."""
        return await self.act(f"days/{self.station}/{TODAY}/{act}", body or None, by=by)

    async def get(self, path: str, who: StaffMember | None = None, /, **query: Any) -> Any:
        """Read something."""
        headers = (who or self.manager).headers
        answer = await self.client.get(f"/cash/{path}", headers=headers, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def held(self) -> int:
        """What the first deliverer holds by the report."""
        found = await self.get("standing")
        [held] = [one["held_fen"] for one in found["items"] if one["deliverer"] == self.deliverer()]
        return int(held)

    async def count(self) -> list[int]:
        """Rows of everything an act could write."""
        async with self.database.transaction() as session:
            return [
                await session.scalar(select(func.count()).select_from(model)) or 0
                for model in (HandIn, BankDeposit, CashFloat, Remittance, LedgerTransfer)
            ]

    async def refuse(self, answer: httpx.Response, code: str, before: list[int]) -> dict[str, Any]:
        """An act was refused with this code, and nothing was written."""
        assert answer.json()["code"] == code, answer.text
        assert await self.count() == before
        facts: dict[str, Any] = answer.json().get("facts", {})
        return facts
