"""What a page is asked about: a scope and a period, both in the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from app.identity.access import ClockDep, Principal
from app.identity.models import Role
from app.kpi.api.callers import KpiReader, scope_of
from app.kpi.errors import BadPeriod
from app.kpi.months import period_of, read_month
from app.kpi.rules import Period
from app.kpi.scopes import Scope
from app.kpi.service import read_period

HOME = "/manager"
CHOICES: Mapping[str, str] = {
    "today": "今天",
    "7": "近7天",
    "30": "近30天",
    "month": "按月",
    "range": "自选",
}
"""Values of `period` in the address."""
USUAL = "30"
DispatcherRoles = (Role.STATION_MANAGER, Role.MANAGER)
ImproverRoles = (Role.MANAGER, Role.QUALITY, Role.STATION_MANAGER)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who looks, at which scope, over which period."""

    caller: Principal
    scope: Scope
    period: Period
    choice: str
    today: date

    @property
    def day(self) -> date:
        """The morning that is shown: that of a single day, otherwise today's."""
        return self.period.last if self.period.first == self.period.last else self.today

    @property
    def is_live(self) -> bool:
        """Whether that morning still moves."""
        return self.day == self.today

    @property
    def month(self) -> str:
        """The month of the period's last day, as `2026-03`."""
        return f"{self.period.last:%Y-%m}"

    @property
    def is_whole_month(self) -> bool:
        """Whether the period is one calendar month."""
        return self.period == period_of(self.period.last.replace(day=1))

    @property
    def may_dispatch(self) -> bool:
        """Whether the caller may give a round to a stand-in."""
        return self.caller.has(*DispatcherRoles)

    @property
    def may_improve(self) -> bool:
        """Whether the caller may record findings."""
        return self.caller.has(*ImproverRoles)

    def query(self, **said: object) -> str:
        """This scope and period as they stand in addresses; `said` adds to it, None takes away."""
        values: dict[str, object] = {"scope": self.scope.text, "period": self.choice}
        if self.choice == "month":
            values["month"] = self.month
        if self.choice == "range":
            values |= {"from": self.period.first, "to": self.period.last}
        if values["period"] == USUAL:
            del values["period"]
        if values["scope"] == "operator":
            del values["scope"]
        values |= said
        return urlencode([(name, one) for name, one in values.items() if one is not None])

    def at(self, path: str, **said: object) -> str:
        """An address with this scope and period."""
        query = self.query(**said)
        return f"{path}?{query}" if query else path


def read_asked(
    caller: KpiReader,
    clock: ClockDep,
    scope: Annotated[str, Query(max_length=60)] = "",
    period: Annotated[str, Query(max_length=10)] = USUAL,
    month: Annotated[str, Query(max_length=10)] = "",
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
) -> Asked:
    """Scope and period of an address; raises BadScope, BadPeriod, BadMonth.

    A station manager without a scope gets his station.
    """
    today = clock.today()
    return Asked(
        caller=caller,
        scope=scope_of(caller, scope or None),
        period=_period(period, month, first, last, today=today),
        choice=period,
        today=today,
    )


AskedDep = Annotated[Asked, Depends(read_asked)]


def _period(choice: str, month: str, first: str, last: str, *, today: date) -> Period:
    match choice:
        case "today":
            return Period(today, today)
        case "7" | "30":
            return read_period(today - timedelta(days=int(choice) - 1), today)
        case "month":
            return period_of(read_month(month) if month else today.replace(day=1))
        case "range":
            return read_period(read_day(first), read_day(last))
    raise BadPeriod


def read_day(text: str) -> date:
    """A date as browsers send it; raises BadPeriod."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadPeriod from error
