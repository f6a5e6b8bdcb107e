"""Reading KPIs, opening them to their rows, and setting their targets (S1 5.2.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.errors import NotFound
from app.kpi.definitions import DEFINITIONS, Definition, KpiKey, Unit
from app.kpi.errors import BadPeriod, BadTarget, KpiUnknown, TargetInThePast
from app.kpi.measuring import Question, measure
from app.kpi.models import KpiTarget
from app.kpi.repository import places, targets
from app.kpi.rules import Measured, Period, Verdict, judge
from app.kpi.scopes import Scope

LONGEST_DAYS = 400
FIRST_DATE, LAST_DATE = date(2000, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class KpiResult:
    """One KPI of a period and scope, held against the target of the period's last day."""

    definition: Definition
    measured: Measured
    verdict: Verdict
    target: Decimal


def read_period(first: date, last: date) -> Period:
    """A period of business dates, both inclusive; raises BadPeriod."""
    if not FIRST_DATE <= first <= last <= LAST_DATE or last - first >= timedelta(LONGEST_DAYS):
        raise BadPeriod
    return Period(first, last)


def find_definition(key: str) -> Definition:
    """The KPI of a key; raises KpiUnknown."""
    try:
        return DEFINITIONS[KpiKey(key)]
    except ValueError as error:
        raise KpiUnknown from error


async def require_scope(session: AsyncSession, scope: Scope) -> None:
    """Raise NotFound unless the scope exists, within the caller's station if he is held to one."""
    if not await places.scope_exists(session, scope):
        raise NotFound


async def read_kpis(
    session: AsyncSession,
    *,
    scope: Scope,
    period: Period,
    now: datetime,
    keys: Sequence[KpiKey] = tuple(KpiKey),
) -> list[KpiResult]:
    """The KPIs of a period and scope as known at `now` (UTC), in the order of the standard.

    Raises NotFound for a scope that does not exist.
    """
    await require_scope(session, scope)
    own = await targets.targets_on(session, on=period.last)
    question = Question(session, scope, period, now)
    results = []
    for key in keys:
        definition = DEFINITIONS[key]
        measured = await measure(question, key)
        target = own.get(key, definition.target)
        results.append(
            KpiResult(
                definition=definition,
                measured=measured,
                verdict=judge(definition, measured, target=target),
                target=target,
            )
        )
    return results


async def set_target(
    session: AsyncSession, *, key: str, value: Decimal, from_date: date, now: datetime
) -> KpiTarget:
    """Set the operator's target from a date on, in the KPI's unit.

    Raises KpiUnknown, BadTarget, TargetInThePast, TargetChangedMeanwhile.
    """
    definition = find_definition(key)
    if definition.unit is Unit.PERCENT and value > 100:
        raise BadTarget
    if from_date < local_date(now):
        raise TargetInThePast
    return await targets.replace_target(
        session, key=definition.key, value=value, from_date=from_date
    )


async def list_targets(session: AsyncSession) -> list[KpiTarget]:
    """Every target the operator has set."""
    return await targets.list_targets(session)
