"""Routes: missed targets, their cause and what is done about them (S1 5.2.1 未达标原因及措施)."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.errors import AppError
from app.core.http import status_of
from app.core.ids import public_single, read_single
from app.core.pagination import PageDep, cursor_of
from app.core.schemas import LongText, OptionalText, ShortText
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.identity.models import Role
from app.kpi import findings, service
from app.kpi.api.callers import Improver, KpiReader, scope_of
from app.kpi.definitions import DEFINITIONS, KpiKey
from app.kpi.errors import FindingOpen, TargetNotMissed
from app.kpi.findings import Plan
from app.kpi.paths import name_actors, read_path
from app.kpi.repository.findings import RUNNING, list_findings
from app.kpi.scopes import Scope, read_scope
from app.kpi.states import FINDING_LABELS, FINDING_MOVES, VERIFIED, FindingState
from app.web.common.flash import see_other
from app.web.common.templating import is_htmx
from app.web.manager.asking import HOME, Asked, AskedDep, ImproverRoles, read_day
from app.web.manager.showing import show

router = Router(prefix=f"{HOME}/findings", include_in_schema=False)
FINDINGS_A_PAGE = 30
USUAL_DUE = timedelta(days=7)
KINDS = {
    FindingState.OPEN: "bad",
    FindingState.ACTING: "warn",
    FindingState.DONE: "info",
    FindingState.CLOSED: "ok",
    FindingState.DROPPED: "idle",
}
MOVES = {
    FindingState.ACTING: "开始整改",
    FindingState.DONE: "整改完成，待验证",
    FindingState.CLOSED: "验证有效，关闭",
    FindingState.DROPPED: "作废",
}


def _station(caller: Principal) -> UUID | None:
    return scope_of(caller, None).within_station_id


@router.get("")
async def list_page(
    request: Request,
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: Annotated[str, Query(max_length=10)] = "running",
    key: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Findings, the newest first: those that run, one state's, or all."""
    chosen = [one for one in FindingState if one.value == state]
    if state == "running":
        chosen = list(RUNNING)
    rows = await list_findings(
        session,
        station_id=_station(caller),
        key=service.find_definition(key).key.value if key else None,
        scope=None,
        states=chosen,
        limit=FINDINGS_A_PAGE + 1,
        after=page.after_instant(),
    )
    shown = rows[:FINDINGS_A_PAGE]
    cursor = None
    if len(rows) > FINDINGS_A_PAGE:
        cursor = cursor_of(shown[-1].created_at.isoformat(), str(shown[-1].id))
    titles = {text: await _title(session, text) for text in {one.scope for one in shown}}
    return show(
        request,
        "finding_rows.html" if is_htmx(request) else "findings.html",
        findings=shown,
        titles=titles,
        definitions=DEFINITIONS,
        state_labels=FINDING_LABELS,
        kinds=KINDS,
        state=state,
        key=key,
        today=clock.today(),
        next_cursor=cursor,
        is_first=page.after is None,
        address=f"{HOME}/findings?state={state}" + (f"&key={key}" if key else ""),
    )


async def _title(session: AsyncSession, scope: str) -> str:
    steps = await read_path(session, read_scope(scope))
    return " · ".join(step.title for step in steps[-2:]) if len(steps) > 1 else steps[-1].title


@router.get("/new")
async def new_page(
    request: Request,
    _: Improver,
    asked: AskedDep,
    session: SessionDep,
    clock: ClockDep,
    key: Annotated[str, Query(max_length=40)],
) -> Response:
    """The form for one missed target."""
    return await _form(request, session, clock, asked.scope, asked, key=key)


async def _form(
    request: Request,
    session: AsyncSession,
    clock: ClockDep,
    scope: Scope,
    asked: Asked,
    *,
    key: str,
    error: AppError | None = None,
    said: Plan | None = None,
) -> Response:
    definition = service.find_definition(key)
    (result,) = await service.read_kpis(
        session, scope=scope, period=asked.period, now=clock.now(), keys=[definition.key]
    )
    other = error.facts.get("finding_id") if isinstance(error, FindingOpen) else None
    return show(
        request,
        "finding_new.html",
        status_code=200 if error is None else status_of(error),
        asked=asked,
        steps=await read_path(session, scope),
        definition=definition,
        result=result,
        error=error,
        other=other,
        said=said,
        usual_due=clock.today() + USUAL_DUE,
        today=clock.today(),
    )


@router.post("")
async def record(
    request: Request,
    caller: Improver,
    session: SessionDep,
    clock: ClockDep,
    key: Annotated[str, Form(max_length=40)],
    scope: Annotated[str, Form(max_length=60)],
    first: Annotated[date, Form(alias="from")],
    last: Annotated[date, Form(alias="to")],
    cause: Annotated[LongText, Form()],
    action: Annotated[LongText, Form()],
    responsible: Annotated[ShortText, Form()],
    due_date: Annotated[date, Form()],
) -> Response:
    """Write a finding down; what has been met or recorded meanwhile is said beside the form."""
    asked = Asked(
        caller=caller,
        scope=scope_of(caller, scope),
        period=service.read_period(first, last),
        choice="range",
        today=clock.today(),
    )
    plan = Plan(cause, action, responsible, due_date)
    try:
        made = await findings.record_finding(
            session,
            key=key,
            scope=asked.scope,
            period=asked.period,
            plan=plan,
            actor=caller.actor,
            now=clock.now(),
        )
    except (TargetNotMissed, FindingOpen) as error:
        return await _form(
            request, session, clock, asked.scope, asked, key=key, error=error, said=plan
        )
    return see_other(f"{HOME}/findings/{public_single('fnd', made.id)}", flash="已登记")


@router.get("/{finding}")
async def one_page(
    request: Request, finding: str, caller: KpiReader, session: SessionDep, clock: ClockDep
) -> Response:
    """A finding, its history, and what can be done with it."""
    found, events = await findings.view_finding(
        session, finding_id=read_single("fnd", finding), station_id=_station(caller)
    )
    may_verify = caller.has(Role.MANAGER, Role.QUALITY)
    moves = [
        (one, MOVES[one])
        for one in FindingState
        if FINDING_MOVES.allows(found.state, one) and (may_verify or one not in VERIFIED)
    ]
    return show(
        request,
        "finding.html",
        found=found,
        events=events,
        actors=await name_actors(session, {event.actor for event in events}),
        definition=DEFINITIONS[KpiKey(found.key)],
        title=await _title(session, found.scope),
        state_labels=FINDING_LABELS,
        kinds=KINDS,
        moves=moves if caller.has(*ImproverRoles) else [],
        may_change=caller.has(*ImproverRoles) and not FINDING_MOVES.is_final(found.state),
        today=clock.today(),
    )


@router.post("/{finding}")
async def change(
    finding: str,
    caller: Improver,
    session: SessionDep,
    clock: ClockDep,
    state: Annotated[FindingState | None, Form()] = None,
    note: Annotated[OptionalText, Form()] = "",
    cause: Annotated[LongText | None, Form()] = None,
    action: Annotated[LongText | None, Form()] = None,
    responsible: Annotated[ShortText | None, Form()] = None,
    due_date: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Move a finding on, or change what it says."""
    fields: dict[str, str | date] = {
        name: said
        for name, said in (("cause", cause), ("action", action), ("responsible", responsible))
        if said is not None
    }
    if due_date:
        fields["due_date"] = read_day(due_date)
    await findings.change_finding(
        session,
        finding_id=read_single("fnd", finding),
        station_id=_station(caller),
        may_verify=caller.has(Role.MANAGER, Role.QUALITY),
        fields=fields,
        state=state,
        note=note or None,
        actor=caller.actor,
        now=clock.now(),
    )
    return see_other(f"{HOME}/findings/{finding}", flash="已保存")
