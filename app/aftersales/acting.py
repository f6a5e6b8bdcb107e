"""One act on one ticket by one caller: the frame that the API and the desk's pages share."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import compensation, handling, settling
from app.aftersales.compensation import MakeUp
from app.aftersales.handling import Classification, Words
from app.aftersales.models import Compensation, Ticket
from app.aftersales.rights import own_pair, ticket_key
from app.aftersales.settling import CallBack
from app.aftersales.states import Team
from app.aftersales.thread import Author
from app.core.errors import NotFound
from app.core.ids import read_pair, read_single
from app.identity.access import Principal
from app.identity.models import Role


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts on which ticket and when; `seen` is the version he had before his eyes.

    Public ids in, rows out. Each act raises what its service raises, NotFound for what is not the
    ticket's customer's, and TicketChanged when somebody was faster.
    """

    session: AsyncSession
    caller: Principal
    customer_id: UUID
    ticket_id: UUID
    seen: int | None
    now: datetime

    @classmethod
    def on(
        cls,
        session: AsyncSession,
        caller: Principal,
        ticket_id: str,
        *,
        seen: int | None,
        now: datetime,
    ) -> "Act":
        """On the ticket of a public id; raises NotFound for one that the caller does not see."""
        customer_id, row_id = ticket_key(caller, ticket_id)
        return cls(session, caller, customer_id, row_id, seen, now)

    @property
    def _frame(self) -> dict[str, Any]:
        return {
            "customer_id": self.customer_id,
            "ticket_id": self.ticket_id,
            "author": Author.of(self.caller),
            "seen": self.seen,
            "now": self.now,
        }

    async def reply(self, *, body: str | None, template_id: str | None, internal: bool) -> Ticket:
        """Answer the customer, or write to the desk."""
        words = Words(
            body=body,
            template_id=None if template_id is None else read_single("tpl", template_id),
            internal=internal,
        )
        return await handling.reply(self.session, words=words, **self._frame)

    async def assign(self, *, login: str | None, team: Team | None) -> tuple[Ticket, str | None]:
        """Hand it to a team or a member of the desk, or take it oneself."""
        return await handling.assign(self.session, login=login, team=team, **self._frame)

    async def classify(self, wanted: Classification, *, reason: str) -> Ticket:
        """Grade it anew."""
        return await handling.classify(self.session, wanted=wanted, reason=reason, **self._frame)

    async def merge(self, into: str) -> Ticket:
        """Mark it as a duplicate of an older one of the same customer."""
        owner, into_id = read_pair("tkt", into)
        if owner != self.customer_id:
            raise NotFound
        return await handling.merge(self.session, into_id=into_id, **self._frame)

    async def grant_make_up(self, make_up: MakeUp) -> Compensation:
        """Bring bottles again."""
        return await compensation.grant_make_up(self.session, make_up=make_up, **self._frame)

    async def grant_credit(self, amount_fen: int) -> Compensation:
        """Credit the balance; above an agent's limit a manager must."""
        return await compensation.grant_credit(
            self.session,
            amount_fen=amount_fen,
            above_limit=self.caller.has(Role.MANAGER),
            **self._frame,
        )

    def own_line(self, order_line_id: str | None) -> UUID | None:
        """The order line of a public id; raises NotFound for another customer's."""
        return own_pair("lin", order_line_id, self.customer_id)

    async def resolve(
        self, *, result: str, late_reason: str | None, is_unfounded: bool | None
    ) -> Ticket:
        """Tell the customer the result; late with the reason."""
        return await settling.resolve(
            self.session,
            result=result,
            late_reason=late_reason or None,
            is_unfounded=is_unfounded,
            **self._frame,
        )

    async def reopen(self, reason: str) -> Ticket:
        """Take it up again, with a clock anew."""
        return await settling.reopen(self.session, reason=reason, **self._frame)

    async def visit(self, call: CallBack) -> Ticket:
        """Write down a call-back; a score closes it (S1 4.5.3.1)."""
        return await settling.record_visit(self.session, call=call, **self._frame)
