"""Stops: the unit of the delivery KPIs."""

from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Interval, and_, bindparam, exists, func, not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import CustomerKind
from app.delivery.models import Stop, StopState
from app.kpi.repository.places import in_scope
from app.kpi.repository.planner import IS_NO_HOUSEHOLD, plan_for_these_values
from app.kpi.rules import Period, local_shift
from app.kpi.scopes import Scope

HOUSEHOLD = Stop.customer_kind == CustomerKind.HOUSEHOLD.value


@dataclass(frozen=True, slots=True)
class Tally:
    """Stops of one kind of customer by what became of them."""

    stops: int = 0
    on_time: int = 0
    bulk_marked: int = 0
    planned: int = 0
    partly: int = 0
    failed: int = 0
    withdrawn: int = 0

    @property
    def due(self) -> int:
        """Stops that were to be made: all but the withdrawn."""
        return self.stops - self.withdrawn

    @property
    def made(self) -> int:
        """Stops made in full."""
        return self.due - self.planned - self.partly - self.failed

    @property
    def served(self) -> int:
        """Stops at which something was brought."""
        return self.made + self.partly

    def __sub__(self, other: "Tally") -> "Tally":
        """What remains without the others."""
        return Tally(
            **{
                part.name: getattr(self, part.name) - getattr(other, part.name)
                for part in fields(self)
            }
        )

    def __add__(self, other: "Tally") -> "Tally":
        """Two periods together."""
        return Tally(
            **{
                part.name: getattr(self, part.name) + getattr(other, part.name)
                for part in fields(self)
            }
        )


@dataclass(frozen=True, slots=True)
class StopCounts:
    """Stops of a period; households and schools stand apart."""

    households: Tally = Tally()
    schools: Tally = Tally()

    def __add__(self, other: "StopCounts") -> "StopCounts":
        """Two periods together."""
        return StopCounts(
            households=self.households + other.households, schools=self.schools + other.schools
        )


def made_on_time(period: Period) -> ColumnElement[bool]:
    """Made in full before 07:00:00 local of its service date, and not by one tap for several."""
    # `made_at` stands only where all was made: asking for the state too costs as much again.
    shift = bindparam("shift", local_shift(period.first), Interval(), unique=True)
    return and_(
        func.timezone(shift, Stop.made_at) < Stop.service_date,
        not_(Stop.bulk_marked),
    )


def _unmade(state: StopState) -> ColumnElement[bool]:
    # Without `made_at` tested first every stop's text would be compared.
    return and_(Stop.made_at.is_(None), Stop.state == state)


async def count_stops(session: AsyncSession, *, scope: Scope, period: Period | None) -> StopCounts:
    """Count a period's stops in one pass; a second one only where there are schools.

    A stop's kind is that of its customer, which stays what it is.
    """
    if period is None:
        return StopCounts()
    await plan_for_these_values(session)
    rows = (Stop.service_date.between(period.first, period.last), *in_scope(Stop, scope))
    everyone, schools_exist = await _tally(session, period, rows)
    if not schools_exist:
        return StopCounts(households=everyone)
    schools, _ = await _tally(session, period, (*rows, not_(HOUSEHOLD)))
    return StopCounts(households=everyone - schools, schools=schools)


async def _tally(
    session: AsyncSession, period: Period, rows: tuple[ColumnElement[bool], ...]
) -> tuple[Tally, bool]:
    row = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(made_on_time(period)),
                func.count().filter(Stop.bulk_marked),
                func.count().filter(_unmade(StopState.PLANNED)),
                func.count().filter(_unmade(StopState.PARTLY)),
                func.count().filter(_unmade(StopState.FAILED)),
                func.count().filter(_unmade(StopState.WITHDRAWN)),
                select(exists().where(IS_NO_HOUSEHOLD)).scalar_subquery(),
            ).where(*rows)
        )
    ).one()
    *counts, schools_exist = row
    return Tally(*counts), schools_exist
