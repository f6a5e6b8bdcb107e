"""Missed targets: cause, action, who until when, and whether it helped (S1 5.2.1 未达标原因及措施)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id, public_single
from app.kpi.definitions import ScopeKind
from app.kpi.errors import FindingOpen, NothingChanged, TargetNotMissed, VerifiedByOthers
from app.kpi.models import KpiFinding, KpiFindingEvent
from app.kpi.repository import findings
from app.kpi.repository.places import stations_of
from app.kpi.rules import KpiStatus, Period
from app.kpi.scopes import Scope
from app.kpi.service import find_definition, read_kpis
from app.kpi.states import FINDING_MOVES, VERIFIED, FindingState

_UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True, slots=True)
class Plan:
    """Why a target was missed and what is done about it, by whom, until when."""

    cause: str
    action: str
    responsible: str
    due_date: date


async def record_finding(
    session: AsyncSession,
    *,
    key: str,
    scope: Scope,
    period: Period,
    plan: Plan,
    actor: str,
    now: datetime,
) -> KpiFinding:
    """Write down a missed target with its value and target as known now.

    Raises KpiUnknown, NotFound for a scope that does not exist, TargetNotMissed, FindingOpen.
    """
    definition = find_definition(key)
    (result,) = await read_kpis(session, scope=scope, period=period, now=now, keys=[definition.key])
    if result.verdict.status is not KpiStatus.MISSED or result.verdict.value is None:
        raise TargetNotMissed(status=result.verdict.status.value)
    finding = KpiFinding(
        id=new_id(),
        key=definition.key.value,
        scope=scope.text,
        station_id=await _station_of(session, scope),
        first_date=period.first,
        last_date=period.last,
        value=result.verdict.value,
        target=result.target,
        numerator=result.measured.numerator,
        denominator=result.measured.denominator,
        cause=plan.cause,
        action=plan.action,
        responsible=plan.responsible,
        due_date=plan.due_date,
        state=FindingState.OPEN,
        created_at=now,
        created_by=actor,
    )
    try:
        async with session.begin_nested():
            session.add(finding)
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != _UNIQUE_VIOLATION:
            raise
        raise await _already_open(session, finding) from error
    _note(session, finding, actor=actor, changes={}, note=None, now=now)
    await session.flush()
    return finding


async def _already_open(session: AsyncSession, finding: KpiFinding) -> FindingOpen:
    other = await findings.find_running(
        session,
        key=finding.key,
        scope=finding.scope,
        first=finding.first_date,
        last=finding.last_date,
    )
    return FindingOpen(finding_id=None if other is None else public_single("fnd", other.id))


async def _station_of(session: AsyncSession, scope: Scope) -> UUID | None:
    if scope.kind is ScopeKind.DELIVERER:
        return scope.within_station_id
    if scope.kind in {ScopeKind.STATION, ScopeKind.BLOCK}:
        stations = await stations_of(session, scope)
        return stations[0] if stations else None
    return None


async def change_finding(
    session: AsyncSession,
    *,
    finding_id: UUID,
    station_id: UUID | None,
    may_verify: bool,
    fields: Mapping[str, str | date],
    state: FindingState | None,
    note: str | None,
    actor: str,
    now: datetime,
) -> KpiFinding:
    """Change cause, action, person or date of a running finding, or move it on; kept in its history.

    Raises FindingUnknown, NothingChanged, MoveNotAllowed (also for one that is closed),
    VerifiedByOthers.
    """
    finding = await findings.get_finding(session, finding_id, station_id=station_id, lock=True)
    changed = {name: said for name, said in fields.items() if getattr(finding, name) != said}
    if not changed and state is None and note is None:
        raise NothingChanged
    if state is not None:
        if state in VERIFIED and not may_verify:
            raise VerifiedByOthers
        FINDING_MOVES.require(finding.state, state)
    elif FINDING_MOVES.is_final(finding.state):
        FINDING_MOVES.require(finding.state, finding.state)
    before: dict[str, str] = {name: str(getattr(finding, name)) for name in changed}
    if state is not None:
        before["state"] = finding.state.value
        finding.state = state
    for name, said in changed.items():
        setattr(finding, name, said)
    _note(session, finding, actor=actor, changes=before, note=note, now=now)
    await session.flush()
    return finding


def _note(
    session: AsyncSession,
    finding: KpiFinding,
    *,
    actor: str,
    changes: Mapping[str, str],
    note: str | None,
    now: datetime,
) -> None:
    session.add(
        KpiFindingEvent(
            finding_id=finding.id,
            id=new_id(),
            at=now,
            actor=actor,
            state=finding.state.value,
            changes=dict(changes),
            note=note,
        )
    )


async def list_running(session: AsyncSession, *, scope: Scope, period: Period) -> list[KpiFinding]:
    """Findings of a scope and exactly this period that are not closed: one a KPI at most."""
    return await findings.list_running(
        session, scope=scope.text, first=period.first, last=period.last
    )


async def view_finding(
    session: AsyncSession, *, finding_id: UUID, station_id: UUID | None
) -> tuple[KpiFinding, list[KpiFindingEvent]]:
    """A finding and its history; raises FindingUnknown."""
    finding = await findings.get_finding(session, finding_id, station_id=station_id)
    return finding, await findings.list_events(session, finding_id)
