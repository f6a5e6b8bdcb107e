"""JSON endpoint of the call-back list (S1 4.5.3)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from app.aftersales.desk_schemas import DueVisitOut, present_due_visit
from app.aftersales.repository.queue import VisitFilter, VisitKey, list_due_visits
from app.aftersales.rights import StaffReader, station_filter
from app.aftersales.states import Team, TicketClass, TicketKind
from app.core.db import SessionDep
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep

router = Router()


class VisitQuery:
    """What the call-back list may be narrowed to."""

    def __init__(
        self,
        kind: TicketKind | None = None,
        severity: TicketClass | None = None,
        team: Team | None = None,
        mine: bool = False,
        overdue: bool | None = None,
        tried: bool | None = None,
        confirmed: bool | None = None,
        station: Annotated[str | None, Query(max_length=80)] = None,
    ) -> None:
        self.kind, self.severity, self.team = kind, severity, team
        self.mine, self.station = mine, station
        self.overdue, self.tried, self.confirmed = overdue, tried, confirmed


@router.get("/return-visits")
async def list_visits(
    caller: StaffReader,
    session: SessionDep,
    page: PageDep,
    clock: ClockDep,
    asked: Annotated[VisitQuery, Depends()],
) -> Page[DueVisitOut]:
    """Resolved tickets that wait for their call-back, the longest due first.

    `tried`: called and not reached since the result; `confirmed`: the customer has said by link
    that it is solved.
    """
    now = clock.now()
    found = await list_due_visits(
        session,
        wanted=VisitFilter(
            kind=asked.kind,
            severity=asked.severity,
            team=asked.team,
            assignee_id=caller.account_id if asked.mine else None,
            station_id=station_filter(caller, asked.station),
            is_overdue=asked.overdue,
            was_tried=asked.tried,
            is_confirmed=asked.confirmed,
        ),
        limit=page.limit + 1,
        after=read_cursor(page),
        now=now,
    )
    kept = found[: page.limit]
    return Page(
        items=[present_due_visit(one, now=now) for one in kept],
        next_cursor=write_cursor(kept[-1].key) if len(found) > page.limit else None,
    )


def write_cursor(key: VisitKey) -> str:
    """Where the next page of the list begins."""
    due_at, customer_id, ticket_id = key
    return cursor_of(due_at.isoformat(), str(customer_id), str(ticket_id))


def read_cursor(page: PageRequest) -> VisitKey | None:
    """Where a page of the list begins; raises BadCursor."""
    match page.after:
        case None:
            return None
        case [str() as due_at, str() as customer_id, str() as ticket_id]:
            try:
                due = datetime.fromisoformat(due_at)
                key = due, UUID(customer_id), UUID(ticket_id)
            except ValueError as error:
                raise BadCursor from error
            if due.tzinfo is not None and 1970 <= due.year <= 2200:
                return key
    raise BadCursor
