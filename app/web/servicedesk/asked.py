"""What of the queue is to be shown, as the page's address says it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, NamedTuple, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query

from app.aftersales.repository import DueState, TicketFilter
from app.aftersales.states import (
    RUNNING,
    Team,
    TicketCategory,
    TicketClass,
    TicketKind,
    TicketStatus,
)

Text = Annotated[str, Query(max_length=80)]
Choice = TypeVar("Choice", bound=StrEnum)


class View(StrEnum):
    """Whose tickets, or which of them first."""

    ALL = "all"
    MINE = "mine"
    TEAM = "team"
    UNASSIGNED = "unassigned"
    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    SAFETY = "safety"
    RESOLVED = "resolved"


class Shown(NamedTuple):
    """How a view is named and drawn."""

    label: str
    icon: str


VIEW_LABELS: Mapping[View, Shown] = {
    View.ALL: Shown("全部进行中", icon="inbox"),
    View.MINE: Shown("我的", icon="person"),
    View.TEAM: Shown("我的小组", icon="people"),
    View.UNASSIGNED: Shown("未分派", icon="person-dash"),
    View.OVERDUE: Shown("已超时", icon="exclamation-octagon"),
    View.DUE_SOON: Shown("4 小时内到期", icon="hourglass-split"),
    View.SAFETY: Shown("食品安全", icon="shield-exclamation"),
    View.RESOLVED: Shown("待回访", icon="telephone-outbound"),
}
COUNTED = (*RUNNING, TicketStatus.RESOLVED)


def _one_of(kind: type[Choice], text: str) -> Choice | None:
    return kind(text) if text in set(kind) else None


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of an address; what is unknown in it narrows nothing."""

    view: View
    status: TicketStatus | None
    kind: TicketKind | None
    severity: TicketClass | None
    category: TicketCategory | None
    team: Team | None
    station: str

    @classmethod
    def read(
        cls,
        view: Text = "",
        status: Text = "",
        kind: Text = "",
        severity: Text = "",
        category: Text = "",
        team: Text = "",
        station: Text = "",
    ) -> "Asked":
        """From the query of a request."""
        return cls(
            view=_one_of(View, view) or View.ALL,
            status=_one_of(TicketStatus, status),
            kind=_one_of(TicketKind, kind),
            severity=_one_of(TicketClass, severity),
            category=_one_of(TicketCategory, category),
            team=_one_of(Team, team),
            station=station,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything besides the view narrows the list."""
        narrowing = (self.status, self.kind, self.severity, self.category, self.team, self.station)
        return any(narrowing)

    def address(self, path: str = "/service", *, view: View | None = None) -> str:
        """The same filters as an address, with another view where one is named."""
        named = {
            "view": (view or self.view).value,
            "status": self.status,
            "kind": self.kind,
            "severity": self.severity,
            "category": self.category,
            "team": self.team,
            "station": self.station,
        }
        given = {name: value for name, value in named.items() if value and value != View.ALL}
        return f"{path}?{urlencode(given)}" if given else path

    def choices(self) -> Mapping[str, "Asked"]:
        """The same with every other choice of every list, as `field:value`."""
        found: dict[str, Asked] = {}
        for status in COUNTED:
            found[f"status:{status}"] = replace(self, status=status)
        for kind in TicketKind:
            found[f"kind:{kind}"] = replace(self, kind=kind)
        for severity in TicketClass:
            found[f"severity:{severity}"] = replace(self, severity=severity)
        for category in TicketCategory:
            found[f"category:{category}"] = replace(self, category=category)
        for team in Team:
            found[f"team:{team}"] = replace(self, team=team)
        return found

    def filter(
        self, view: View, *, caller_id: UUID, teams: Collection[Team], station_id: UUID | None
    ) -> TicketFilter:
        """What the database is asked for, for one of the views."""
        base = TicketFilter(
            statuses=RUNNING if self.status is None else (self.status,),
            kind=self.kind,
            severities=None if self.severity is None else (self.severity,),
            category=self.category,
            team=self.team,
            station_id=station_id,
        )
        match view:
            case View.MINE:
                return replace(base, assignee_id=caller_id)
            case View.TEAM:
                return replace(base, teams=teams)
            case View.UNASSIGNED:
                return replace(base, is_assigned=False)
            case View.OVERDUE:
                return replace(base, statuses=RUNNING, due_state=DueState.OVERDUE)
            case View.DUE_SOON:
                return replace(base, statuses=RUNNING, due_state=DueState.DUE_SOON)
            case View.SAFETY:
                return replace(base, is_food_safety=True)
            case View.RESOLVED:
                return replace(base, statuses=(TicketStatus.RESOLVED,))
            case _:
                return base
