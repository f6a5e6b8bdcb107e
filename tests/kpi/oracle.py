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
