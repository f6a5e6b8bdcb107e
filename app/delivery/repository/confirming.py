"""SQL of confirmations: a fixed number of statements for a batch of any size."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.delivery.models import DeliveryStatus, StopState
from app.delivery.repository.mornings import MOVE_MORNINGS, MorningKey, rebuild_mornings

StopKey = tuple[UUID, date, UUID]
"""Customer, service date, address."""
DeliveryKey = tuple[UUID, date, UUID, int]
"""Customer, service date, order line, delivery number."""
Outcome = tuple[StopState, datetime | None, bool]
"""What became of a stop, when it was made, whether any of it was marked in bulk."""

# Statements of a phone's batch ask for one date (a batch has one, seldom more): sent once, it need
# not come with every row. They name the month's partition. Bounds on the parent would do the same, but tempt the planner
# to read a whole day by its date; without bounds every partition would be opened.
_LOCK_STOPS = """
SELECT k.n::int, d.block_id, d.deliverer_id, d.order_line_id, d.delivery_no, d.quantity, d.status,
       d.quantity_delivered, d.our_fault, d.done_at, d.bulk_marked, d.event_id,
       d.restored_bottles, d.order_ended_at
FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS k(customer_id, address_id, n)
JOIN {deliveries} d ON d.customer_id = k.customer_id AND d.service_date = $1
    AND d.address_id = k.address_id AND d.status <> 'cancelled'
ORDER BY d.customer_id, d.order_line_id, d.delivery_no
FOR NO KEY UPDATE OF d
"""
"""The deliveries of a stop are its lock: whoever changes one, or adds one, locks them all first."""

_CONFIRM = """
UPDATE {deliveries} d
SET status = o.status, quantity_delivered = o.delivered, reason = o.reason,
    our_fault = o.our_fault, done_at = e.done_at, recorded_at = $2,
    bulk_marked = o.bulk, celsius = coalesce(o.celsius, d.celsius), event_id = e.event_id,
    deliverer_id = $1
FROM unnest($4::uuid[], $5::uuid[], $6::timestamptz[], $7::uuid[], $8::bigint[])
     AS e(customer_id, order_line_id, done_at, event_id, outcome_no)
JOIN unnest($9::smallint[], $10::text[], $11::smallint[], $12::text[], $13::boolean[],
            $14::boolean[], $15::numeric[])
     WITH ORDINALITY
     AS o(delivery_no, status, delivered, reason, our_fault, bulk, celsius, outcome_no)
     ON o.outcome_no = e.outcome_no
WHERE d.customer_id = e.customer_id AND d.service_date = $3
  AND d.order_line_id = e.order_line_id AND d.delivery_no = o.delivery_no
"""
"""Most doors end alike: each outcome is sent once, and the deliveries name it by its number."""

_SET_STOPS = f"""
WITH written AS (
    UPDATE {{stops}} s
    SET state = n.state, made_at = n.made_at, bulk_marked = n.bulk, deliverer_id = $1
    FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::timestamptz[], $8::boolean[])
         AS n(customer_id, address_id, bottles, state, made_at, bulk)
    WHERE s.customer_id = n.customer_id AND s.service_date = $2
      AND s.address_id = n.address_id AND s.bottles = n.bottles
    RETURNING s.block_id, s.service_date, s.customer_kind, old.state AS state_before,
              old.made_at AS made_at_before, old.bulk_marked AS bulk_before, s.state, s.made_at,
              s.bulk_marked
), {MOVE_MORNINGS}
SELECT w.block_id, w.service_date, count(*) AS stops,
       bool_and(m.block_id IS NOT NULL) AS counted
FROM written w LEFT JOIN moved m ON m.block_id = w.block_id AND m.service_date = w.service_date
GROUP BY w.block_id, w.service_date
"""
"""A stop whose bottles are not those of its locked deliveries has gained one meanwhile: it is left
out, and rebuilt from its rows."""

_REBUILD_STOPS = """
UPDATE {stops} s
SET state = n.state, made_at = n.made_at, bulk_marked = n.bulk_marked,
    deliverer_id = coalesce(n.deliverer_id, s.deliverer_id)
FROM (
    SELECT d.customer_id, d.service_date, d.address_id,
           CASE WHEN bool_and(d.status = 'delivered') THEN 'made'
                WHEN bool_and(d.status = 'planned') THEN 'planned'
                WHEN bool_and(d.status = 'failed') THEN 'failed'
                ELSE 'partly' END AS state,
           CASE WHEN bool_and(d.status = 'delivered') THEN max(d.done_at) END AS made_at,
           bool_or(d.bulk_marked) AS bulk_marked,
           any_value(d.deliverer_id) FILTER (WHERE d.done_at IS NOT NULL) AS deliverer_id
    FROM unnest($1::uuid[], $2::date[], $3::uuid[])
        AS k(customer_id, service_date, address_id)
    JOIN {deliveries} d ON d.customer_id = k.customer_id AND d.service_date = k.service_date
        AND d.address_id = k.address_id AND d.status <> 'cancelled'
    GROUP BY d.customer_id, d.service_date, d.address_id
) n
WHERE s.customer_id = n.customer_id AND s.service_date = n.service_date
  AND s.address_id = n.address_id
RETURNING s.block_id, s.service_date
"""

_NOTE_TEMPERATURES = """
UPDATE {deliveries} d SET celsius = k.celsius
FROM unnest($1::uuid[], $2::date[], $3::uuid[],
            $4::numeric[]) AS k(customer_id, service_date, address_id, celsius)
WHERE d.customer_id = k.customer_id AND d.service_date = k.service_date
  AND d.address_id = k.address_id
"""

_SET_RESTORED = """
UPDATE {deliveries} d SET restored_bottles = e.bottles
FROM unnest($1::uuid[], $2::date[], $3::uuid[],
            $4::smallint[], $5::smallint[])
     AS e(customer_id, service_date, order_line_id, delivery_no, bottles)
WHERE d.customer_id = e.customer_id AND d.service_date = e.service_date
  AND d.order_line_id = e.order_line_id AND d.delivery_no = e.delivery_no
"""

_RUNNING = """
SELECT l.customer_id, l.order_line_id
FROM unnest($1::uuid[], $2::uuid[]) AS k(customer_id, order_line_id)
JOIN order_lines l ON l.customer_id = k.customer_id AND l.order_line_id = k.order_line_id
JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
WHERE o.status = 'delivering'
"""

_NOTE_ORDER_END = """
UPDATE deliveries d SET order_ended_at = $3
FROM order_lines l
WHERE l.customer_id = $1 AND l.order_id = $2 AND d.customer_id = $1
  AND d.order_line_id = l.order_line_id AND d.service_date >= $4
"""

_ROUNDS = """
SELECT block_id, service_date AS first, service_date AS last FROM route_sheets
WHERE deliverer_id = $1 AND service_date BETWEEN $2::date AND $3::date
UNION ALL
SELECT block_id, service_date, service_date FROM route_handovers
WHERE from_deliverer_id = $1 AND service_date BETWEEN $2::date AND $3::date
UNION ALL
SELECT block_id, lower(valid), upper(valid) - 1 FROM block_deliverers
WHERE deliverer_id = $1
  AND valid && daterange($2::date, $3::date, '[]')
"""


@cache
def _for_month(sql: str, day: date) -> str:
    return sql.replace("{deliveries}", f"deliveries_{day:%Y_%m}").replace(
        "{stops}", f"stops_{day:%Y_%m}"
    )


def _by_month(dates: Sequence[date]) -> dict[date, list[int]]:
    """Positions by month."""
    months: dict[date, list[int]] = {}
    for day, positions in _by_date(dates).items():
        months.setdefault(day.replace(day=1), []).extend(positions)
    return months


def _by_date(dates: Sequence[date]) -> dict[date, Sequence[int]]:
    """Positions by date, in its order: the order in which locks are taken."""
    different = set(dates)
    if len(different) == 1:
        return {different.pop(): range(len(dates))}
    return {
        day: [position for position, at in enumerate(dates) if at == day]
        for day in sorted(different)
    }


@dataclass(slots=True)
class DueDelivery:
    """A locked delivery as it stands now, and what a batch makes of it."""

    order_line_id: UUID
    delivery_no: int
    quantity: int
    status: DeliveryStatus
    delivered: int
    our_fault: bool | None
    done_at: datetime | None
    bulk: bool
    event_id: UUID | None
    restored: int
    order_ended_at: datetime | None
    reason: str | None = None
    celsius: Decimal | None = None
    changed: bool = False

    @property
    def outcome(self) -> tuple[object, ...]:
        """What is written of it beside its times, and which delivery of its line it is."""
        return (
            self.delivery_no,
            self.status,
            self.delivered,
            self.reason,
            self.our_fault,
            self.bulk,
            self.celsius,
        )

    @property
    def owed(self) -> int:
        """Bottles our fault kept from the door."""
        return self.quantity - self.delivered if self.our_fault else 0


@dataclass(slots=True)
class DueStop:
    """A stop with its deliveries, locked."""

    key: StopKey
    block_id: UUID
    deliverer_id: UUID | None
    deliveries: list[DueDelivery]

    @property
    def bottles(self) -> int:
        """All bottles planned for it."""
        return sum(delivery.quantity for delivery in self.deliveries)

    @property
    def taps(self) -> Iterator[datetime]:
        """Taps of its changed deliveries."""
        return (one.done_at for one in self.deliveries if one.changed and one.done_at is not None)

    def delivery_key(self, delivery: DueDelivery) -> DeliveryKey:
        """Where one of its deliveries stands."""
        return (self.key[0], self.key[1], delivery.order_line_id, delivery.delivery_no)


async def lock_stops(session: AsyncSession, keys: Sequence[StopKey]) -> list[DueStop | None]:
    """Lock the deliveries of these stops by date and key; None where there are none."""
    stops: list[DueStop | None] = [None] * len(keys)
    for day, positions in _by_date([key[1] for key in keys]).items():
        homes = [[keys[position][column] for position in positions] for column in (0, 2)]
        for row in await fetch(session, _for_month(_LOCK_STOPS, day), day, *homes):
            number, block, deliverer, line, no, quantity, status, *rest = row.values()
            position = positions[number - 1]
            stop = stops[position]
            if stop is None:
                stop = stops[position] = DueStop(keys[position], block, deliverer, [])
            stop.deliveries.append(DueDelivery(line, no, quantity, DeliveryStatus(status), *rest))
    return stops


async def list_running(
    session: AsyncSession, lines: Collection[tuple[UUID, UUID]]
) -> set[tuple[UUID, UUID]]:
    """Those of the lines (customer, line) whose orders are in delivery."""
    rows = await fetch(session, _RUNNING, *_columns(list(lines), 2))
    return {(row["customer_id"], row["order_line_id"]) for row in rows}


async def note_order_end(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, at: datetime, since: date
) -> None:
    """Write on the deliveries of an order from a date on when it was cancelled."""
    await fetch(session, _NOTE_ORDER_END, customer_id, order_id, at, since)


async def list_rounds(
    session: AsyncSession, *, deliverer_id: UUID, first: date, last: date
) -> list[tuple[UUID, date, date | None]]:
    """Blocks a deliverer goes round or went round before a stand-in: (block, first, last day)."""
    rows = await fetch(session, _ROUNDS, deliverer_id, first, last)
    return [(row["block_id"], row["first"], row["last"]) for row in rows]


async def confirm(
    session: AsyncSession, *, deliverer_id: UUID, stops: Sequence[DueStop], now: datetime
) -> None:
    """Write the changed deliveries of locked stops."""
    changed = [
        (stop.delivery_key(delivery), delivery)
        for stop in stops
        for delivery in stop.deliveries
        if delivery.changed
    ]
    for day, positions in _by_date([key[1] for key, _ in changed]).items():
        keys = [changed[position][0] for position in positions]
        deliveries = [changed[position][1] for position in positions]
        numbers: dict[tuple[object, ...], int] = {}
        await fetch(
            session,
            _for_month(_CONFIRM, day),
            deliverer_id,
            now,
            day,
            [key[0] for key in keys],
            [key[2] for key in keys],
            [delivery.done_at for delivery in deliveries],
            [delivery.event_id for delivery in deliveries],
            [numbers.setdefault(delivery.outcome, len(numbers) + 1) for delivery in deliveries],
            *_columns(list(numbers), 7),
        )


async def set_stops(
    session: AsyncSession,
    *,
    deliverer_id: UUID,
    stops: Sequence[DueStop],
    outcomes: Sequence[Outcome],
    now: datetime,
) -> None:
    """Write what became of locked stops; the counts of their blocks' mornings move along."""
    for day, positions in _by_date([stop.key[1] for stop in stops]).items():
        chosen = [stops[position] for position in positions]
        keys = [stop.key for stop in chosen]
        written = await fetch(
            session,
            _for_month(_SET_STOPS, day),
            deliverer_id,
            day,
            [key[0] for key in keys],
            [key[2] for key in keys],
            [stop.bottles for stop in chosen],
            *_columns([outcomes[position] for position in positions], 3),
            now,
            *_columns(_taps(chosen), 4),
        )
        if sum(row["stops"] for row in written) != len(keys):
            await rebuild_stops(session, keys)
        elif not all(row["counted"] for row in written):
            await rebuild_mornings(
                session, [(row["block_id"], row["service_date"]) for row in written]
            )


async def rebuild_stops(session: AsyncSession, keys: Sequence[StopKey]) -> None:
    """Bring stops in line with their deliveries, which the caller has locked."""
    touched: set[MorningKey] = set()
    for month, positions in _by_month([key[1] for key in keys]).items():
        chosen = [keys[position] for position in positions]
        rows = await fetch(session, _for_month(_REBUILD_STOPS, month), *_columns(chosen, 3))
        touched.update((row["block_id"], row["service_date"]) for row in rows)
    await rebuild_mornings(session, touched)


async def note_temperatures(session: AsyncSession, notes: Mapping[StopKey, Decimal]) -> None:
    """Keep the °C a deliverer measured at a door on its deliveries."""
    rows = [(*key, celsius) for key, celsius in notes.items()]
    for month, positions in _by_month([key[1] for key in notes]).items():
        chosen = [rows[position] for position in positions]
        await fetch(session, _for_month(_NOTE_TEMPERATURES, month), *_columns(chosen, 4))


async def set_restored(session: AsyncSession, bottles: Mapping[DeliveryKey, int]) -> None:
    """Write down how many bottles of each delivery were given back in all."""
    rows = [(*key, count) for key, count in bottles.items()]
    for month, positions in _by_month([key[1] for key in bottles]).items():
        chosen = [rows[position] for position in positions]
        await fetch(session, _for_month(_SET_RESTORED, month), *_columns(chosen, 5))


def _taps(stops: Sequence[DueStop]) -> list[tuple[UUID, date, datetime | None, datetime | None]]:
    """Block, service date, first and last tap of each round the stops belong to."""
    rounds: dict[MorningKey, list[datetime]] = {}
    for stop in stops:
        rounds.setdefault((stop.block_id, stop.key[1]), []).extend(stop.taps)
    return [
        (*key, min(taps, default=None), max(taps, default=None)) for key, taps in rounds.items()
    ]


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows turned into the columns that `unnest` takes."""
    return [[row[column] for row in rows] for column in range(count)]
