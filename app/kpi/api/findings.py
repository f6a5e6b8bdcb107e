"""Missed targets: cause and action, over REST."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.schemas import Answer, LongText, Request, ShortText
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.identity.models import Role
from app.kpi import findings, service
from app.kpi.api.callers import SEES_ALL, Improver, KpiReader, scope_of
from app.kpi.api.schemas import BusinessDate, plain
from app.kpi.definitions import KpiKey
from app.kpi.findings import Plan
from app.kpi.models import KpiFinding, KpiFindingEvent
from app.kpi.repository.findings import list_findings
from app.kpi.states import FindingState

router = Router()


class FindingIn(Request):
    """A missed target: which, why, and what is done about it."""

    key: KpiKey
    scope: ShortText | None = None
    from_date: BusinessDate
    to_date: BusinessDate
    cause: LongText
    action: LongText
    responsible: ShortText
    due_date: BusinessDate


class FindingChangeIn(Request):
    """What is to be changed; `state` moves it on."""

    cause: LongText | None = None
    action: LongText | None = None
    responsible: ShortText | None = None
    due_date: BusinessDate | None = None
    state: FindingState | None = None
    note: LongText | None = None


class FindingOut(Answer):
    """A missed target as it was when it was recorded, and what became of it."""

    id: str
    key: str
    scope: str
    from_date: date
    to_date: date
    value: Decimal
    target: Decimal
    numerator: int
    denominator: int
    cause: str
    action: str
    responsible: str
    due_date: date
    is_overdue: bool
    state: str
    created_at: datetime
    created_by: str


class FindingEventOut(Answer):
    """One step: `changes` holds what each field said before."""

    at: datetime
    actor: str
    state: str
    changes: dict[str, Any]
    note: str | None


class FindingWithHistoryOut(FindingOut):
    """A finding and everything that happened to it."""

    history: list[FindingEventOut]


def _station(caller: Principal) -> UUID | None:
    return None if caller.has(*SEES_ALL) else caller.station_id or UUID(int=0)


@router.post("/kpi/findings", status_code=201, response_model=FindingOut)
async def record_finding(
    caller: Improver,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: FindingIn,
) -> Response:
    """Write down why a KPI missed its target in a period, and what is done; one open at a time."""
    finding = await findings.record_finding(
        session,
        key=body.key,
        scope=scope_of(caller, body.scope),
        period=service.read_period(body.from_date, body.to_date),
        plan=Plan(body.cause, body.action, body.responsible, body.due_date),
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, _present(finding, today=clock.today()))


@router.get("/kpi/findings")
async def read_findings(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    key: KpiKey | None = None,
    scope: Annotated[str | None, Query(max_length=60)] = None,
    state: Annotated[list[FindingState] | None, Query(max_length=5)] = None,
) -> Page[FindingOut]:
    """Findings, the newest first; `state` may be repeated."""
    rows = await list_findings(
        session,
        station_id=_station(caller),
        key=key,
        scope=scope,
        states=state or [],
        limit=page.limit + 1,
        after=page.after_instant(),
    )
    shown = rows[: page.limit]
    cursor = None
    if len(rows) > page.limit:
        cursor = cursor_of(shown[-1].created_at.isoformat(), str(shown[-1].id))
    today = clock.today()
    return Page(items=[_present(row, today=today) for row in shown], next_cursor=cursor)


@router.get("/kpi/findings/{finding}")
async def read_finding(
    caller: KpiReader, session: SessionDep, clock: ClockDep, finding: str
) -> FindingWithHistoryOut:
    """A finding with its history."""
    found, events = await findings.view_finding(
        session, finding_id=read_single("fnd", finding), station_id=_station(caller)
    )
    return FindingWithHistoryOut(
        **_present(found, today=clock.today()).model_dump(),
        history=[_present_event(event) for event in events],
    )


@router.patch("/kpi/findings/{finding}")
async def change_finding(
    caller: Improver, session: SessionDep, clock: ClockDep, finding: str, body: FindingChangeIn
) -> FindingOut:
    """Change a running finding or move it on; closing and dropping is for manager and quality."""
    said = body.model_dump(exclude_none=True, exclude={"state", "note"})
    changed = await findings.change_finding(
        session,
        finding_id=read_single("fnd", finding),
        station_id=_station(caller),
        may_verify=caller.has(Role.MANAGER, Role.QUALITY),
        fields=said,
        state=body.state,
        note=body.note,
        actor=caller.actor,
        now=clock.now(),
    )
    return _present(changed, today=clock.today())


def _present(finding: KpiFinding, *, today: date) -> FindingOut:
    running = finding.state in {FindingState.OPEN, FindingState.ACTING}
    return FindingOut(
        id=public_single("fnd", finding.id),
        key=finding.key,
        scope=finding.scope,
        from_date=finding.first_date,
        to_date=finding.last_date,
        value=finding.value,
        target=plain(finding.target),
        numerator=finding.numerator,
        denominator=finding.denominator,
        cause=finding.cause,
        action=finding.action,
        responsible=finding.responsible,
        due_date=finding.due_date,
        is_overdue=running and finding.due_date < today,
        state=finding.state,
        created_at=finding.created_at,
        created_by=finding.created_by,
    )


def _present_event(event: KpiFindingEvent) -> FindingEventOut:
    return FindingEventOut.model_validate(event)
