"""A morning of a scope: how far it is, what 07:00 will bring, where it is at risk (S1 5.2.1)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from operator import itemgetter
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.service import DeviceView, list_devices
from app.core.clock import local_instant
from app.kpi.definitions import DEFINITIONS, KpiKey, ScopeKind
from app.kpi.errors import BadPeriod
from app.kpi.morning.rules import (
    Counts,
    CurvePoint,
    Outlook,
    Pulse,
    curve,
    limit_of,
    look_ahead,
    total,
)
from app.kpi.repository import mornings, targets
from app.kpi.repository.cash import CashTaken, list_taken
from app.kpi.rules import percent
from app.kpi.scopes import Scope
from app.kpi.service import FIRST_DATE, LAST_DATE, require_scope

_COUNTED = itemgetter(*Counts.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block's morning: where it is, whose round, how far, and what is to be expected."""

    block_id: UUID
    code: str
    name: str
    station_id: UUID
    station_name: str
    city_code: str
    city_name: str
    deliverer_id: UUID | None
    deliverer_name: str | None
    counts: Counts
    pulse: Pulse
    made_by_slot: dict[int, int]
    version: int
    outlook: Outlook


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a scope, one level down, or several blocks together."""

    scope: Scope
    title: str
    counts: Counts
    projected: int
    projected_due: int
    """Stops of the blocks whose pace can be seen: `projected` speaks of these alone."""
    blocks: int
    blocks_at_risk: int
    at_risk: int

    @property
    def projected_share(self) -> Decimal | None:
        """On time at 07:00, in percent of what the projection speaks of."""
        return percent(self.projected, self.projected_due)


@dataclass(frozen=True, slots=True)
class Board:
    """All blocks of a scope on one morning, as known at `as_of`; the worst first."""

    scope: Scope
    service_date: date
    as_of: datetime
    target: Decimal
    marker: int
    rows: Sequence[BlockRow]
    cash: Sequence[CashTaken]

    def narrowed(self, scope: Scope) -> "Board":
        """The board of a scope within this one; a deliverer's is that of the rounds he has."""
        if scope == self.scope:
            return self
        return Board(
            scope=scope,
            service_date=self.service_date,
            as_of=self.as_of,
            target=self.target,
            marker=self.marker,
            rows=[row for row in self.rows if _holds(scope, row)],
            cash=[taken for taken in self.cash if _holds(scope, taken)],
        )

    @property
    def whole(self) -> Part:
        """The scope's figures."""
        return _part(self.scope, "", self.rows)

    def curve(self) -> list[CurvePoint]:
        """The scope's day by ten minutes."""
        made: dict[int, int] = {}
        for row in self.rows:
            for slot, stops in row.made_by_slot.items():
                made[slot] = made.get(slot, 0) + stops
        return curve(
            made,
            due=sum(row.counts.due for row in self.rows),
            midnight=local_instant(self.service_date, time()),
            now=self.as_of,
        )

    def parts(self) -> list[Part]:
        """One level down: cities, stations or blocks; the worst first."""
        match self.scope.kind:
            case ScopeKind.OPERATOR:
                return self._grouped(
                    lambda row: (row.city_code, row.city_name),
                    lambda row: Scope(ScopeKind.CITY, city_code=row.city_code),
                )
            case ScopeKind.CITY:
                return self._grouped(
                    lambda row: (row.station_id, row.station_name),
                    lambda row: Scope(ScopeKind.STATION, row_id=row.station_id),
                )
            case _:
                return self._grouped(
                    lambda row: (row.block_id, row.name),
                    lambda row: Scope(ScopeKind.BLOCK, row_id=row.block_id),
                )

    def _grouped(
        self,
        name_of: Callable[[BlockRow], tuple[object, str]],
        scope_of: Callable[[BlockRow], Scope],
    ) -> list[Part]:
        groups: dict[tuple[object, str], list[BlockRow]] = {}
        for row in self.rows:
            groups.setdefault(name_of(row), []).append(row)
        parts = [_part(scope_of(rows[0]), title, rows) for (_, title), rows in groups.items()]
        return sorted(parts, key=lambda part: (-part.at_risk, part.title, part.scope.text))


def _holds(scope: Scope, row: BlockRow | CashTaken) -> bool:
    if scope.within_station_id not in {None, row.station_id}:
        return False
    match scope.kind:
        case ScopeKind.CITY:
            return row.city_code == scope.city_code
        case ScopeKind.STATION:
            return row.station_id == scope.row_id
        case ScopeKind.BLOCK:
            return row.block_id == scope.row_id
        case ScopeKind.DELIVERER:
            return row.deliverer_id == scope.row_id
        case ScopeKind.OPERATOR:
            return True


def _part(scope: Scope, title: str, rows: Sequence[BlockRow]) -> Part:
    seen = [row for row in rows if row.outlook.projected is not None]
    return Part(
        scope=scope,
        title=title,
        counts=total(row.counts for row in rows),
        projected=sum(row.outlook.projected or 0 for row in seen),
        projected_due=sum(row.counts.due for row in seen),
        blocks=len(rows),
        blocks_at_risk=sum(bool(row.outlook.risks) for row in rows),
        at_risk=sum(row.outlook.at_risk for row in rows),
    )


async def read_board(session: AsyncSession, *, scope: Scope, day: date, now: datetime) -> Board:
    """The morning of a scope on a service date, as known at `now` (UTC).

    A deliverer's morning is that of the blocks he goes round; what is his of them tells
    `count_deliverers`. Raises NotFound for a scope that does not exist, BadPeriod.
    """
    await require_morning(session, scope=scope, day=day)
    return await load_board(session, scope=scope, day=day, now=now)


async def require_morning(session: AsyncSession, *, scope: Scope, day: date) -> None:
    """Raise NotFound for a scope that does not exist, BadPeriod for a date beyond the calendar."""
    if not FIRST_DATE <= day <= LAST_DATE:
        raise BadPeriod
    await require_scope(session, scope)


async def load_board(session: AsyncSession, *, scope: Scope, day: date, now: datetime) -> Board:
    """The same for a scope that is known to exist: three statements, whatever its size."""
    ahead = await _look(session, day, now)
    found = await mornings.list_blocks(session, scope=scope, day=day)
    if scope.kind is ScopeKind.DELIVERER and scope.row_id is not None:
        mine = set(await mornings.list_rounds_of(session, deliverer_id=scope.row_id, day=day))
        found = [row for row in found if row["block_id"] in mine]
    return _board(scope, day, ahead, [ahead.read(row) for row in found])


async def catch_up(session: AsyncSession, board: Board, *, now: datetime) -> Board:
    """A board as it is now, of which only the blocks whose counts have changed are read anew.

    Names and rounds of the others are those the board has. Three statements. Not for a deliverer's.
    """
    day = board.service_date
    ahead = await _look(session, day, now)
    rows = {row.block_id: ahead.look_again(row) for row in board.rows}
    known = {row.block_id: row.version for row in board.rows}
    for row in await mornings.list_blocks(session, scope=board.scope, day=day, known=known):
        rows[row["block_id"]] = ahead.read(row)
    return _board(board.scope, day, ahead, rows.values())


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What a board shows besides its blocks' counts, and their outlook depends on."""

    limit_at: datetime
    now: datetime
    target: Decimal
    cash: Sequence[CashTaken]

    def look(self, counts: Counts, pulse: Pulse) -> Outlook:
        return look_ahead(counts, pulse, limit_at=self.limit_at, now=self.now, target=self.target)

    def look_again(self, row: BlockRow) -> BlockRow:
        outlook = self.look(row.counts, row.pulse)
        return row if outlook == row.outlook else replace(row, outlook=outlook)

    def read(self, row: asyncpg.Record) -> BlockRow:
        counts = Counts(*_COUNTED(row))
        pulse = Pulse(row["first_tap_at"], row["last_tap_at"], row["last_heard_at"])
        return BlockRow(
            block_id=row["block_id"],
            code=row["code"],
            name=row["name"],
            station_id=row["station_id"],
            station_name=row["station_name"],
            city_code=row["city_code"],
            city_name=row["city_name"],
            deliverer_id=row["deliverer_id"],
            deliverer_name=row["deliverer_name"],
            counts=counts,
            pulse=pulse,
            made_by_slot={int(slot): stops for slot, stops in row["made_by_slot"].items()},
            version=row["version"],
            outlook=self.look(counts, pulse),
        )


async def _look(session: AsyncSession, day: date, now: datetime) -> _Ahead:
    own = await targets.targets_on(session, on=day)
    return _Ahead(
        limit_at=limit_of(day),
        now=now,
        target=own.get(KpiKey.ON_TIME_RATE, DEFINITIONS[KpiKey.ON_TIME_RATE].target),
        cash=await list_taken(session, day),
    )


def _board(scope: Scope, day: date, ahead: _Ahead, found: Iterable[BlockRow]) -> Board:
    rows = [
        row for row in found if row.counts.due or row.counts.withdrawn or row.counts.schools_due
    ]
    rows.sort(key=lambda row: (-row.outlook.at_risk, row.code))
    return Board(
        scope=scope,
        service_date=day,
        as_of=ahead.now,
        target=ahead.target,
        marker=sum(row.version for row in rows),
        rows=rows,
        cash=[taken for taken in ahead.cash if _holds(scope, taken)],
    )


async def count_deliverers(
    session: AsyncSession, *, scope: Scope, rows: Iterable[BlockRow], day: date
) -> list[Part]:
    """Who has or made the stops of a block, or of the blocks a deliverer goes round."""
    found = await mornings.count_by_deliverer(
        session, blocks={row.block_id for row in rows}, day=day
    )
    return [
        Part(
            scope=Scope(ScopeKind.DELIVERER, row_id=deliverer_id),
            title=name or "",
            counts=Counts(**counts),
            projected=0,
            projected_due=0,
            blocks=0,
            blocks_at_risk=0,
            at_risk=0,
        )
        for deliverer_id, name, counts in found
        if deliverer_id is not None
        and (scope.kind is not ScopeKind.DELIVERER or deliverer_id == scope.row_id)
    ]


async def list_temperatures(
    session: AsyncSession, *, scope: Scope, now: datetime
) -> list[DeviceView]:
    """The thermometers of one station as they stand; none of a larger scope."""
    if scope.kind is not ScopeKind.STATION:
        return []
    return await list_devices(session, now=now, station_id=scope.row_id)


async def list_handovers(
    session: AsyncSession, *, rows: Sequence[BlockRow], day: date
) -> dict[UUID, tuple[Decimal, bool]]:
    """Product temperature in °C at the handover to the deliverer by block, and whether it passed."""
    return await mornings.list_handovers(
        session,
        stations={row.station_id for row in rows},
        blocks={row.block_id for row in rows},
        day=day,
    )
