"""The KPIs once more, in plain Python over raw rows: slow, and written from the definitions.

Shares nothing with the product's formulas or SQL.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SHANGHAI = ZoneInfo("Asia/Shanghai")
ONE_DAY = timedelta(days=1)
Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Everything that was written."""

    stops: Sequence[Row]
    tickets: Sequence[Row]
    orders: Sequence[Row]
    answers: Sequence[Row]
    address_blocks: Sequence[Row]
    trips: Sequence[Row]
    legs: Sequence[Row]
    handovers: Sequence[Row]
    rounds: Sequence[Row]
    devices: Sequence[Row]
    readings: Sequence[Row]

    @classmethod
    async def read(cls, session: AsyncSession) -> "Rows":
        """All rows, as they stand."""

        async def table(sql: str) -> list[Row]:
            return [dict(row) for row in (await session.execute(text(sql))).mappings()]

        return cls(
            stops=await table("SELECT * FROM stops"),
            tickets=await table("SELECT * FROM tickets"),
            orders=await table(
                "SELECT o.*, c.kind AS customer_kind FROM orders o JOIN customers c USING (customer_id)"
            ),
            answers=await table("SELECT * FROM satisfaction_answers"),
            address_blocks=await table(
                "SELECT a.customer_id, a.address_id, a.block_id, b.station_id, s.city_code,"
                " lower(a.valid) AS since, upper(a.valid) AS until FROM address_blocks a"
                " JOIN blocks b ON b.id = a.block_id JOIN stations s ON s.id = b.station_id"
            ),
            trips=await table(
                "SELECT t.*, s.city_code FROM trips t JOIN stations s ON s.id = t.station_id"
            ),
            legs=await table("SELECT * FROM trip_legs"),
            handovers=await table("SELECT * FROM handover_checks"),
            rounds=await table(
                "SELECT r.*, s.city_code FROM route_sheets r JOIN stations s ON s.id = r.station_id"
            ),
            devices=await table("SELECT * FROM devices"),
            readings=await table("SELECT * FROM temperature_readings"),
        )


@dataclass(frozen=True)
class Asked:
    """A question: dates inclusive, the scope as column and value, and when it is asked."""

    first: date
    last: date
    column: str | None
    value: object
    now: datetime

    def covers(self, at: datetime) -> bool:
        """Whether an instant's local date lies in the period."""
        return self.first <= at.astimezone(SHANGHAI).date() <= self.last

    def holds(self, row: Row) -> bool:
        """Whether a row belongs to the scope."""
        return self.column is None or row[self.column] == self.value


def on_time(rows: Rows, asked: Asked) -> tuple[int, int]:
    """Household stops made before 07:00:00 / due."""
    good = due = 0
    for stop in rows.stops:
        seven = datetime.combine(stop["service_date"], time(7), tzinfo=SHANGHAI)
        if (
            stop["customer_kind"] == "household"
            and asked.first <= stop["service_date"] <= asked.last
            and asked.holds(stop)
            and seven <= asked.now
            and stop["state"] != "withdrawn"
        ):
            due += 1
            if stop["state"] == "made" and stop["made_at"] < seven and not stop["bulk_marked"]:
                good += 1
    return good, due


def _received(rows: Rows, asked: Asked) -> Iterable[Row]:
    for ticket in rows.tickets:
        if (
            asked.covers(ticket["received_at"])
            and ticket["received_at"] <= asked.now
            and asked.holds(ticket)
            and ticket["status"] != "merged"
        ):
            yield ticket


def response(rows: Rows, asked: Asked) -> tuple[int, int, list[timedelta]]:
    """Tickets answered in 24 hours / tickets, and every wait, longest last."""
    waits = sorted(
        (ticket["first_answered_at"] or asked.now) - ticket["received_at"]
        for ticket in _received(rows, asked)
    )
    return sum(wait <= ONE_DAY for wait in waits), len(waits), waits


def internet(rows: Rows, asked: Asked) -> tuple[int, int]:
    """Household orders from the internet / with a known source."""
    good = known = 0
    for order in rows.orders:
        at = order["confirmed_at"]
        if at is None or not asked.covers(at) or order["customer_kind"] != "household":
            continue
        if order["source"] is None or not _order_in_scope(rows, asked, order):
            continue
        known += 1
        good += order["source"] in {"web", "app", "mini_program", "tmall", "jd"}
    return good, known


def _order_in_scope(rows: Rows, asked: Asked, order: Row) -> bool:
    if asked.column is None:
        return True
    if asked.column == "city_code":
        return asked.value == "310000"
    on = order["confirmed_at"].astimezone(SHANGHAI).date()
    mine = [
        one
        for one in rows.address_blocks
        if (one["customer_id"], one["address_id"]) == (order["customer_id"], order["address_id"])
    ]
    then = [
        one for one in mine if one["since"] <= on and (one["until"] is None or on < one["until"])
    ]
    later = sorted((one for one in mine if one["since"] > on), key=lambda one: one["since"])
    before = sorted((one for one in mine if one["since"] <= on), key=lambda one: one["since"])
    chosen = (then or later or before[::-1])[:1]
    return bool(chosen) and chosen[0][asked.column] == asked.value


def satisfaction(rows: Rows, asked: Asked) -> tuple[int, int]:
    """Household answers of 4 or 5 / household answers, of return visits and surveys."""
    scores = [
        answer["score"]
        for answer in rows.answers
        if asked.covers(answer["at"])
        and asked.holds(answer)
        and answer["customer_kind"] == "household"
        and answer["kind"] in {"return_visit", "survey"}
    ]
    return sum(score >= 4 for score in scores), len(scores)


def complaints(rows: Rows, asked: Asked) -> tuple[int, int]:
    """Household complaints / household stops served."""
    received = [
        ticket
        for ticket in _received(rows, asked)
        if ticket["kind"] == "complaint" and ticket["customer_kind"] == "household"
    ]
    served = [
        stop
        for stop in rows.stops
        if stop["customer_kind"] == "household"
        and asked.first <= stop["service_date"] <= asked.last
        and asked.holds(stop)
        and stop["state"] in {"made", "partly"}
    ]
    return len(received), len(served)


def handled(rows: Rows, asked: Asked) -> tuple[int, int]:
    """Household complaints resolved / resolved or 24 hours old."""
    done = due = 0
    for ticket in _received(rows, asked):
        if ticket["kind"] != "complaint" or ticket["customer_kind"] != "household":
            continue
        resolved = ticket["status"] in {"resolved", "closed"}
        done += resolved
        due += resolved or asked.now - ticket["received_at"] >= ONE_DAY
    return done, due


def delivery_temps(rows: Rows, asked: Asked) -> tuple[int, int]:
    """Checks in range / checks expected; a block or deliverer has handovers only."""
    found = list(_handed_to_deliverers(rows, asked))
    if asked.column not in {"block_id", "deliverer_id"}:
        for trip in rows.trips:
            if asked.first <= trip["service_date"] <= asked.last and asked.holds(trip):
                found += _checks_of_trip(rows, asked, trip)
    return sum(found), len(found)


def _seven(row: Row) -> datetime:
    return datetime.combine(row["service_date"], time(7), tzinfo=SHANGHAI)


def _same_trip(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in ("vehicle_id", "service_date", "trip_no"))


def _checks_of_trip(rows: Rows, asked: Asked, trip: Row) -> Iterable[bool]:
    is_late = asked.now >= _seven(trip)
    if trip["loaded_at"] is not None or is_late:
        yield trip["precool_passed"] is True
    for kind in ("loading", "vehicle_to_station"):
        looks = [
            look["passed"]
            for look in rows.handovers
            if look["kind"] == kind and _same_trip(look, trip)
        ]
        if looks or is_late:
            yield bool(looks) and all(looks)
    legs = [
        (leg["started_at"], leg["ended_at"] or trip["arrived_at"])
        for leg in rows.legs
        if _same_trip(leg, trip)
    ]
    for start, end in legs or [(trip["departed_at"], trip["arrived_at"])]:
        due = _seven(trip)
        if end is None and start is not None:
            due = max(due, start + timedelta(hours=4))
        if end is not None or asked.now >= due:
            yield _cabin_kept_cold(rows, trip, start, end)


def _cabin_kept_cold(rows: Rows, trip: Row, start: datetime | None, end: datetime | None) -> bool:
    if start is None:
        return False
    end = end or start + timedelta(hours=4)
    devices = [
        device
        for device in rows.devices
        if device["vehicle_id"] == trip["vehicle_id"]
        and device["in_service_from"] <= start
        and (device["in_service_until"] is None or device["in_service_until"] >= end)
    ]
    return bool(devices) and all(_device_kept_cold(rows, one, start, end) for one in devices)


def _device_kept_cold(rows: Rows, device: Row, start: datetime, end: datetime) -> bool:
    slot = timedelta(seconds=device["slot_seconds"])
    whole = max(1, (end - start) // slot)
    begin = min(start, end - slot)
    inside = [
        reading
        for reading in rows.readings
        if reading["device_id"] == device["id"] and begin <= reading["at"] <= end
    ]
    heard = {(reading["at"] - begin) // slot for reading in inside}
    if end - start < slot:
        heard = {0} if inside else set()
    return heard >= set(range(whole)) and all(
        reading["celsius"] <= device["max_celsius"] for reading in inside
    )


def _handed_to_deliverers(rows: Rows, asked: Asked) -> Iterable[bool]:
    for one in rows.rounds:
        if not asked.first <= one["service_date"] <= asked.last or not asked.holds(one):
            continue
        trips = [
            trip
            for trip in rows.trips
            if (trip["station_id"], trip["service_date"])
            == (one["station_id"], one["service_date"])
        ]
        looks = [
            look["passed"]
            for look in rows.handovers
            if look["kind"] == "station_to_deliverer"
            and look["block_id"] == one["block_id"]
            and any(_same_trip(look, trip) for trip in trips)
        ]
        if trips and (looks or asked.now >= _seven(one)):
            yield bool(looks) and all(looks)
