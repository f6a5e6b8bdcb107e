"""SQL of confirmations: a fixed number of statements for a batch of any size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import TextClause

from app.delivery.models import DeliveryStatus, StopState
from app.orders.states import OrderStatus

StopKey = tuple[UUID, date, UUID]
"""Customer, service date, address."""
DeliveryKey = tuple[UUID, date, UUID, int]
"""Customer, service date, order line, delivery number."""
Outcome = tuple[StopState, datetime | None, bool]
"""What became of a stop, when it was made, whether any of it was marked in bulk."""

# Statements name the month's partition. Bounds on the parent would do the same, but tempt the planner
# to read a whole day by its date; without bounds every partition would be opened.
_LOCK_STOPS = """
SELECT k.n::int, d.block_id, d.deliverer_id, d.order_line_id, d.delivery_no, d.quantity,
       o.status AS order_status, o.ended_at, d.status, d.quantity_delivered, d.our_fault,
       d.done_at, d.bulk_marked, d.event_id, d.restored_bottles
FROM unnest(CAST(:customers AS uuid[]), CAST(:dates AS date[]), CAST(:addresses AS uuid[]))
    WITH ORDINALITY AS k(customer_id, service_date, address_id, n)
JOIN {deliveries} d ON d.customer_id = k.customer_id AND d.service_date = k.service_date
    AND d.address_id = k.address_id AND d.status <> 'cancelled'
JOIN order_lines l ON l.customer_id = d.customer_id AND l.order_line_id = d.order_line_id
JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
ORDER BY d.customer_id, d.service_date, d.order_line_id, d.delivery_no
FOR NO KEY UPDATE OF d
"""
"""The deliveries of a stop are its lock: whoever changes one, or adds one, locks them all first."""

_CONFIRM = """
WITH changed AS (
    UPDATE {deliveries} d
    SET status = e.status, quantity_delivered = e.delivered, reason = e.reason,
        our_fault = e.our_fault, done_at = e.done_at, recorded_at = :now,
        bulk_marked = e.bulk, celsius = coalesce(e.celsius, d.celsius), event_id = e.event_id,
        deliverer_id = :deliverer
    FROM unnest(CAST(:customers AS uuid[]), CAST(:dates AS date[]), CAST(:lines AS uuid[]),
                CAST(:numbers AS smallint[]), CAST(:statuses AS text[]),
                CAST(:delivered AS smallint[]), CAST(:reasons AS text[]),
                CAST(:faults AS boolean[]), CAST(:times AS timestamptz[]),
                CAST(:bulk AS boolean[]), CAST(:celsius AS numeric[]), CAST(:events AS uuid[]))
         AS e(customer_id, service_date, order_line_id, delivery_no, status, delivered, reason,
              our_fault, done_at, bulk, celsius, event_id)
    WHERE d.customer_id = e.customer_id AND d.service_date = e.service_date
      AND d.order_line_id = e.order_line_id AND d.delivery_no = e.delivery_no
)
UPDATE {stops} s
SET state = n.state, made_at = n.made_at, bulk_marked = n.bulk, deliverer_id = :deliverer
FROM unnest(CAST(:stop_customers AS uuid[]), CAST(:stop_dates AS date[]),
            CAST(:stop_addresses AS uuid[]), CAST(:stop_bottles AS int[]),
            CAST(:stop_states AS text[]), CAST(:stop_times AS timestamptz[]),
            CAST(:stop_bulk AS boolean[]))
     AS n(customer_id, service_date, address_id, bottles, state, made_at, bulk)
WHERE s.customer_id = n.customer_id AND s.service_date = n.service_date
  AND s.address_id = n.address_id AND s.bottles = n.bottles
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
    FROM unnest(CAST(:customers AS uuid[]), CAST(:dates AS date[]), CAST(:addresses AS uuid[]))
        AS k(customer_id, service_date, address_id)
    JOIN {deliveries} d ON d.customer_id = k.customer_id AND d.service_date = k.service_date
        AND d.address_id = k.address_id AND d.status <> 'cancelled'
    GROUP BY d.customer_id, d.service_date, d.address_id
) n
WHERE s.customer_id = n.customer_id AND s.service_date = n.service_date
  AND s.address_id = n.address_id
"""

_NOTE_TEMPERATURES = """
UPDATE {deliveries} d SET celsius = k.celsius
FROM unnest(CAST(:customers AS uuid[]), CAST(:dates AS date[]), CAST(:addresses AS uuid[]),
            CAST(:celsius AS numeric[])) AS k(customer_id, service_date, address_id, celsius)
WHERE d.customer_id = k.customer_id AND d.service_date = k.service_date
  AND d.address_id = k.address_id
"""

_SET_RESTORED = """
UPDATE {deliveries} d SET restored_bottles = e.bottles
FROM unnest(CAST(:customers AS uuid[]), CAST(:dates AS date[]), CAST(:lines AS uuid[]),
            CAST(:numbers AS smallint[]), CAST(:bottles AS smallint[]))
     AS e(customer_id, service_date, order_line_id, delivery_no, bottles)
WHERE d.customer_id = e.customer_id AND d.service_date = e.service_date
  AND d.order_line_id = e.order_line_id AND d.delivery_no = e.delivery_no
"""

_ROUNDS = text("""
SELECT block_id, service_date AS first, service_date AS last FROM route_sheets
WHERE deliverer_id = :deliverer AND service_date BETWEEN :first AND :last
UNION ALL
SELECT block_id, lower(valid), upper(valid) - 1 FROM block_deliverers
WHERE deliverer_id = :deliverer
  AND valid && daterange(CAST(:first AS date), CAST(:last AS date), '[]')
""")


@cache
def _for_month(sql: str, month: date) -> TextClause:
    return text(
        sql.replace("{deliveries}", f"deliveries_{month:%Y_%m}").replace(
            "{stops}", f"stops_{month:%Y_%m}"
        )
    )


def _by_month(dates: Iterable[date]) -> dict[date, list[int]]:
    """Positions by month; a phone's batch touches one, at a month's end two."""
    months: dict[date, list[int]] = {}
    for position, day in enumerate(dates):
        months.setdefault(day.replace(day=1), []).append(position)
    return months


@dataclass(slots=True)
class DueDelivery:
    """A locked delivery as it stands now, how its order stands, and what a batch makes of it."""

    order_line_id: UUID
    delivery_no: int
    quantity: int
    order_status: OrderStatus
    order_ended_at: datetime | None
    status: DeliveryStatus
    delivered: int
    our_fault: bool | None
    done_at: datetime | None
    bulk: bool
    event_id: UUID | None
    restored: int
    reason: str | None = None
    celsius: Decimal | None = None
    changed: bool = False

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

    def delivery_key(self, delivery: DueDelivery) -> DeliveryKey:
        """Where one of its deliveries stands."""
        return (self.key[0], self.key[1], delivery.order_line_id, delivery.delivery_no)


async def lock_stops(session: AsyncSession, keys: Sequence[StopKey]) -> list[DueStop | None]:
    """Lock the deliveries of these stops in key order; None where there are none."""
    stops: list[DueStop | None] = [None] * len(keys)
    for month, positions in _by_month(key[1] for key in keys).items():
        chosen = [keys[position] for position in positions]
        rows = await session.execute(_for_month(_LOCK_STOPS, month), _stop_values(chosen))
        for number, block, deliverer, line, no, quantity, order, ended, status, *rest in rows:
            position = positions[number - 1]
            stop = stops[position]
            if stop is None:
                stop = stops[position] = DueStop(keys[position], block, deliverer, [])
            stop.deliveries.append(
                DueDelivery(
                    line, no, quantity, OrderStatus(order), ended, DeliveryStatus(status), *rest
                )
            )
    return stops


async def list_rounds(
    session: AsyncSession, *, deliverer_id: UUID, first: date, last: date
) -> list[tuple[UUID, date, date | None]]:
    """Blocks a deliverer goes round, as their deliverer or standing in: (block, first, last day)."""
    rows = await session.execute(_ROUNDS, {"deliverer": deliverer_id, "first": first, "last": last})
    return [(row.block_id, row.first, row.last) for row in rows]


async def confirm(
    session: AsyncSession,
    *,
    deliverer_id: UUID,
    stops: Sequence[DueStop],
    outcomes: Sequence[Outcome],
    now: datetime,
) -> None:
    """Write the changed deliveries of locked stops, and what became of these stops."""
    for month, positions in _by_month(stop.key[1] for stop in stops).items():
        chosen = [stops[position] for position in positions]
        became = [outcomes[position] for position in positions]
        written = await session.execute(
            _for_month(_CONFIRM, month),
            {
                "deliverer": deliverer_id,
                "now": now,
                **_changed_values(chosen),
                "stop_customers": [stop.key[0] for stop in chosen],
                "stop_dates": [stop.key[1] for stop in chosen],
                "stop_addresses": [stop.key[2] for stop in chosen],
                "stop_bottles": [stop.bottles for stop in chosen],
                "stop_states": [state for state, _, _ in became],
                "stop_times": [made_at for _, made_at, _ in became],
                "stop_bulk": [bulk for _, _, bulk in became],
            },
        )
        if getattr(written, "rowcount", 0) != len(chosen):
            await rebuild_stops(session, [stop.key for stop in chosen])


def _changed_values(stops: Iterable[DueStop]) -> dict[str, object]:
    changed = [
        (stop.delivery_key(delivery), delivery)
        for stop in stops
        for delivery in stop.deliveries
        if delivery.changed
    ]
    deliveries = [delivery for _, delivery in changed]
    return {
        **_delivery_values([key for key, _ in changed]),
        "statuses": [delivery.status for delivery in deliveries],
        "delivered": [delivery.delivered for delivery in deliveries],
        "reasons": [delivery.reason for delivery in deliveries],
        "faults": [delivery.our_fault for delivery in deliveries],
        "times": [delivery.done_at for delivery in deliveries],
        "bulk": [delivery.bulk for delivery in deliveries],
        "celsius": [delivery.celsius for delivery in deliveries],
        "events": [delivery.event_id for delivery in deliveries],
    }


async def rebuild_stops(session: AsyncSession, keys: Sequence[StopKey]) -> None:
    """Bring stops in line with their deliveries, which the caller has locked."""
    for month, positions in _by_month(key[1] for key in keys).items():
        values = _stop_values([keys[position] for position in positions])
        await session.execute(_for_month(_REBUILD_STOPS, month), values)


async def note_temperatures(session: AsyncSession, notes: Mapping[StopKey, Decimal]) -> None:
    """Keep the °C a deliverer measured at a door on its deliveries."""
    keys, celsius = list(notes), list(notes.values())
    for month, positions in _by_month(key[1] for key in keys).items():
        values = _stop_values([keys[position] for position in positions])
        values["celsius"] = [celsius[position] for position in positions]
        await session.execute(_for_month(_NOTE_TEMPERATURES, month), values)


async def set_restored(session: AsyncSession, bottles: Mapping[DeliveryKey, int]) -> None:
    """Write down how many bottles of each delivery were given back in all."""
    keys, counts = list(bottles), list(bottles.values())
    for month, positions in _by_month(key[1] for key in keys).items():
        values = _delivery_values([keys[position] for position in positions])
        values["bottles"] = [counts[position] for position in positions]
        await session.execute(_for_month(_SET_RESTORED, month), values)


def _stop_values(keys: Sequence[StopKey]) -> dict[str, object]:
    return {
        "customers": [key[0] for key in keys],
        "dates": [key[1] for key in keys],
        "addresses": [key[2] for key in keys],
    }


def _delivery_values(keys: Sequence[DeliveryKey]) -> dict[str, object]:
    return {
        "customers": [key[0] for key in keys],
        "dates": [key[1] for key in keys],
        "lines": [key[2] for key in keys],
        "numbers": [key[3] for key in keys],
    }
