"""A dealer's statement: added up, issued once, settled by a second person; late news on the next."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from app.billing.models import LedgerTransfer
from app.billing.service import pay_credit
from app.core.db import Database
from app.core.ids import HOUSE, new_id, public_single
from app.core.states import MoveNotAllowed
from app.delivery.models import DeliveryStatus
from app.delivery.service.earning import post_revenue
from app.delivery.service.settling import draft_statement, issue_statement
from app.delivery.settlement_rules import share_of
from app.identity.models import Role
from tests.billing.counting import Counter
from tests.factories.billing import Heard, take_cash
from tests.factories.dealers import add_dealer, agree, give_station
from tests.factories.network import add_block, add_station
from tests.factories.revenue import add_round, bring, noon, paid_line, report
from tests.factories.world import MORNING, TODAY, StaffMember, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

DAYS = [TODAY + timedelta(days=step) for step in range(6)]


@dataclass
class Desk:
    """Finance at its desk."""

    client: httpx.AsyncClient
    database: Database
    world: World
    clock: SetClock

    async def act(
        self, path: str, body: dict[str, Any] | None = None, *, by: StaffMember | None = None
    ) -> httpx.Response:
        """POST under a key of its own."""
        who = by or self.world.staff[Role.FINANCE]
        return await self.client.post(
            f"/dealer-statements{path}", json=body, headers=who.headers | once()
        )

    async def draft(self, dealer: UUID, first: date, last: date) -> httpx.Response:
        """Begin a statement."""
        body = {
            "dealer": public_single("dea", dealer),
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
        }
        return await self.act("", body)

    async def read(self, statement: str) -> dict[str, Any]:
        """A statement as an auditor reads it."""
        answer = await self.client.get(
            f"/dealer-statements/{statement}", headers=self.world.staff[Role.AUDITOR].headers
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def booked(self, dealer: UUID) -> list[tuple[str, int]]:
        """Cause and fen on the dealer's account, below zero where it is debited."""
        account = f"dealer:{dealer}"
        async with self.database.transaction() as session:
            rows = await session.scalars(
                select(LedgerTransfer)
                .where(LedgerTransfer.customer_id == HOUSE, LedgerTransfer.reference_id == dealer)
                .order_by(LedgerTransfer.booked_at)
            )
            return [
                (one.cause, one.amount_fen if one.credit_account == account else -one.amount_fen)
                for one in rows
            ]


@pytest.fixture
async def desk(
    client: httpx.AsyncClient, database: Database, world: World, heard: Heard, clock: SetClock
) -> AsyncIterator[Desk]:
    """A desk that leaves the books in order."""
    yield Desk(client, database, world, clock)
    async with database.transaction() as session:
        await assert_invariants(session, noon(DAYS[-1]), only=("I1", "I4", "I12", "I13"))


def figures(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Kind, term, bottles, corrected bottles, value, corrected value, amount."""
    return [
        (
            one["kind"],
            one["term_from"],
            one["bottles"],
            one["bottles_corrected"],
            one["delivered_fen"],
            one["corrected_fen"],
            one["amount_fen"],
        )
        for one in found["lines"]
    ]


async def deliver(desk: Desk, days: list[date]) -> None:
    """A line of 90 bottles for 299 yuan, of which one is brought each day; nothing is posted."""
    async with desk.database.transaction() as session:
        line = await paid_line(session, desk.world)
        for day in days:
            await bring(session, desk.world, line, day)
            await add_round(session, desk.world, day)


async def month_of_two(desk: Desk) -> tuple[UUID, UUID, StaffMember]:
    """The station is one dealer's for three days, whose terms change on the third, then another's.

    His deliverer took 90 yuan and 50 reached the bank; credits of 5 yuan were given on two days.
    """
    world = desk.world
    await deliver(desk, DAYS)
    async with desk.database.transaction() as session:
        first, second = [await add_dealer(session, code=code) for code in ("D01", "D02")]
        await give_station(session, first, world.station_id, DAYS[0], DAYS[3])
        await give_station(session, second, world.station_id, DAYS[3], None)
        await agree(session, first)
        await agree(session, first, valid_from=DAYS[2], share_bp=2_000, fen_per_bottle=0)
        await agree(session, second, share_bp=0, fen_per_bottle=25, bears_compensation=False)
        await take_cash(session, world.household, collector_id=world.deliverers[0])
        for day in (DAYS[0], DAYS[4]):
            await pay_credit(
                session,
                customer_id=world.household.customer_id,
                reference_id=new_id(),
                source_id=new_id(),
                amount_fen=500,
                cause="ticket_compensation",
                now=noon(day),
            )
        other_finance = await world.add_staff(session, Role.FINANCE)
    counter = Counter(desk.client, desk.database, world)
    assert (await counter.hand_in(9_000)).status_code == 201
    assert (await counter.bank(5_000)).status_code == 201
    return first, second, other_finance


MONTH = [
    ("share", "2020-01-01", 2, 0, 664, 0, 664 * 1_500 // 10_000 + 20),
    ("compensation", "2020-01-01", 0, 0, 0, 0, -500),
    ("share", DAYS[2].isoformat(), 1, 0, 332, 0, 332 * 2_000 // 10_000),
    ("cash", None, 0, 0, 0, 0, -4_000),
]
MONTH_FEN = sum(line[-1] for line in MONTH)


async def test_a_month_in_which_the_station_changes_hands(desk: Desk) -> None:
    first, second, other_finance = await month_of_two(desk)
    for day in DAYS[:2]:
        await post_revenue(desk.database, now=noon(day))
    desk.clock.set(noon(DAYS[2]))
    made = await desk.draft(first, DAYS[0], DAYS[2])
    assert made.status_code == 201, made.text
    statement = made.json()["id"]
    early = await desk.act(f"/{statement}/issue")
    assert (early.status_code, early.json()["code"]) == (409, "statement_period_not_over")
    desk.clock.set(noon(DAYS[3]))
    unposted = (await desk.act(f"/{statement}/issue")).json()
    assert (unposted["code"], unposted["facts"]["days"]) == ("revenue_not_posted", 1)
    assert await desk.booked(first) == []
    for day in DAYS[2:]:
        await post_revenue(desk.database, now=noon(day))

    assert figures(await desk.read(statement)) == MONTH
    overlap = await desk.draft(first, DAYS[2], DAYS[4])
    assert (overlap.status_code, overlap.json()["code"]) == (409, "statement_overlaps")
    path, key = f"/dealer-statements/{statement}/issue", once()
    headers = desk.world.staff[Role.FINANCE].headers | key
    issued = [await desk.client.post(path, headers=headers) for _ in range(2)]
    assert [one.status_code for one in issued] == [200, 200]
    assert issued[0].json() == issued[1].json()
    assert (await desk.act(f"/{statement}/issue")).json()["code"] == "move_not_allowed"
    found = await desk.read(statement)
    assert (found["statement_no"], found["total_fen"]) == ("JS2026-00001", MONTH_FEN)
    assert figures(found) == MONTH
    assert await desk.booked(first) == [("dealer_statement_issued", MONTH_FEN)]
    await refuse_changes_of_settled_days(desk, first, DAYS[2])
    await settle(desk, first, statement, by=other_finance)

    desk.clock.set(noon(DAYS[5]) + timedelta(days=1))
    rest = (await desk.draft(second, DAYS[3], DAYS[5])).json()
    assert figures(rest) == [("share", "2020-01-01", 3, 0, 997, 0, 75)]
    await read_file(desk, statement)


async def settle(desk: Desk, dealer: UUID, statement: str, *, by: StaffMember) -> None:
    """Only a second person settles, with a date of the bank that can be, and only once."""
    slip = {"bank_date": DAYS[3].isoformat(), "slip_no": "B-1"}
    own = await desk.act(f"/{statement}/settle", slip)
    assert (own.status_code, own.json()["code"]) == (409, "statement_second_person")
    ahead = slip | {"bank_date": DAYS[4].isoformat()}
    wrong = await desk.act(f"/{statement}/settle", ahead, by=by)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bank_date_invalid")
    assert len(await desk.booked(dealer)) == 1
    settled = await desk.act(f"/{statement}/settle", slip, by=by)
    assert (settled.json()["state_label"], settled.json()["slip_no"]) == ("已结清", "B-1")
    again = await desk.act(f"/{statement}/settle", slip, by=by)
    assert again.json()["code"] == "move_not_allowed"
    assert [fen for _, fen in await desk.booked(dealer)] == [MONTH_FEN, -MONTH_FEN]
    assert (await desk.act(f"/{statement}/discard")).json()["code"] == "move_not_allowed"


async def read_file(desk: Desk, statement: str) -> None:
    """The statement's file has its lines and their sum in yuan."""
    file = await desk.client.get(
        f"/dealer-statements/{statement}/file.xlsx",
        headers=desk.world.staff[Role.AUDITOR].headers,
    )
    sheet = load_workbook(io.BytesIO(file.content)).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert [row[-1] for row in cells[1:]] == [1.19, -5, 0.66, -40, MONTH_FEN / 100]
    assert cells[1][:2] == ["JS2026-00001", "经销商D01"]


async def refuse_changes_of_settled_days(desk: Desk, dealer: UUID, last: date) -> None:
    """Neither stations nor terms of settled days change."""
    finance = desk.world.staff[Role.FINANCE].headers
    station = f"/stations/{public_single('stn', desk.world.station_id)}/dealer"
    away = {"dealer": None, "from_date": last.isoformat()}
    term = {"valid_from": last.isoformat(), "share_bp": 9_000, "note": "补充协议"}
    for answer in (
        await desk.client.put(station, json=away, headers=finance),
        await desk.client.put(
            f"/dealers/{public_single('dea', dealer)}/terms", json=term, headers=finance
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "dealer_days_settled")


async def test_what_becomes_known_after_issuing_goes_on_the_next_statement(desk: Desk) -> None:
    world, database = desk.world, desk.database
    async with database.transaction() as session:
        dealer = await add_dealer(session)
        await give_station(session, dealer, world.station_id, DAYS[0], None)
        line = await paid_line(session, world)
        for day in DAYS[:4]:
            await bring(session, world, line, day)
            await add_round(session, world, day)
    for day in DAYS[:2]:
        await post_revenue(database, now=noon(day))
    desk.clock.set(noon(DAYS[2]) - timedelta(hours=1))
    statement = (await desk.draft(dealer, DAYS[0], DAYS[1])).json()["id"]
    without = await desk.act(f"/{statement}/issue")
    assert (without.json()["code"], without.json()["facts"]["date"]) == (
        "dealer_term_missing",
        DAYS[0].isoformat(),
    )
    async with database.transaction() as session:
        await agree(session, dealer)
    issued = (await desk.act(f"/{statement}/issue")).json()
    assert figures(issued) == [("share", "2020-01-01", 2, 0, 664, 0, 119)]

    async with database.transaction() as session:
        await report(
            session, line, DAYS[1], DeliveryStatus.FAILED, at=noon(DAYS[2]) - timedelta(minutes=30)
        )
    for day in DAYS[2:4]:
        await post_revenue(database, now=noon(day))
    desk.clock.set(noon(DAYS[4]))
    assert await desk.read(statement) == issued
    gap = (await desk.draft(dealer, DAYS[3], DAYS[3])).json()["id"]
    refused = (await desk.act(f"/{gap}/issue")).json()
    assert (refused["code"], refused["facts"]["next_date"]) == (
        "statement_out_of_order",
        DAYS[2].isoformat(),
    )
    assert (await desk.act(f"/{gap}/discard")).json()["state"] == "discarded"
    following = (await desk.draft(dealer, DAYS[2], DAYS[3])).json()["id"]
    answer = (await desk.act(f"/{following}/issue")).json()
    assert figures(answer) == [
        ("share", "2020-01-01", 2, -1, 664, -332, 332 * 1_500 // 10_000 + 10)
    ]
    assert answer["statement_no"] == "JS2026-00002"
    assert await desk.booked(dealer) == [
        ("dealer_statement_issued", 119),
        ("dealer_statement_issued", 59),
    ]
    third = (await desk.draft(dealer, DAYS[4], DAYS[4])).json()
    assert third["lines"] == []
    listed = await desk.client.get(
        "/dealer-statements",
        params={"dealer": public_single("dea", dealer), "state": "issued"},
        headers=world.staff[Role.FINANCE].headers,
    )
    assert [one["total_fen"] for one in listed.json()["items"]] == [59, 119]


async def test_a_household_with_doors_in_two_stations_is_shared_once(desk: Desk) -> None:
    world, database = desk.world, desk.database
    async with database.transaction() as session:
        other = await add_station(session, code="ST02")
        block = await add_block(session, code="ST02-01", station_id=other)
        dealers = []
        for number, station_id in enumerate((world.station_id, other)):
            dealers.append(await add_dealer(session, code=f"D{number}"))
            await give_station(session, dealers[-1], station_id, DAYS[0], None)
            await agree(session, dealers[-1])
        here = await paid_line(session, world)
        there = await paid_line(session, world, paid_fen=18_000)
        await bring(session, world, here, DAYS[0])
        await bring(
            session, world, there, DAYS[0], bottles=2, station_id=other, block_id=block, stop_no=2
        )
        await add_round(session, world, DAYS[0])
    await post_revenue(database, now=noon(DAYS[0]))
    desk.clock.set(noon(DAYS[1]))
    shown = [(await desk.draft(one, DAYS[0], DAYS[0])).json()["lines"] for one in dealers]
    bottles = [line["bottles"] for lines in shown for line in lines]
    earned = [line["delivered_fen"] for lines in shown for line in lines]
    assert (bottles, sorted(earned)) == ([1, 2], [0, 332 + 400])


async def test_statements_issued_at_the_same_moment_are_each_booked_once(
    live_city: tuple[Database, World],
) -> None:
    database, world = live_city
    by, now = world.staff[Role.FINANCE].account_id, noon(DAYS[2])
    statements = []
    async with database.transaction() as session:
        line = await paid_line(session, world)
        await bring(session, world, line, DAYS[0])
        await add_round(session, world, DAYS[0])
        dealers = [await add_dealer(session, code=code) for code in ("D01", "D02", "D03")]
        await give_station(session, dealers[0], world.station_id, DAYS[0], None)
        for dealer in dealers:
            await agree(session, dealer)
    await post_revenue(database, now=noon(DAYS[0]))
    async with database.transaction() as session:
        for dealer in dealers:
            view = await draft_statement(
                session,
                statement_id=new_id(),
                dealer_id=dealer,
                first=DAYS[0],
                last=DAYS[0],
                by=by,
                now=now,
            )
            statements.append(view.row.statement_id)

    async def issue(statement_id: UUID) -> int | None:
        async with database.transaction() as session:
            view = await issue_statement(session, statement_id=statement_id, by=by, now=now)
            return view.row.number

    answers = await asyncio.gather(*map(issue, statements * 2), return_exceptions=True)
    numbers = [one for one in answers if isinstance(one, int)]
    refused = [one for one in answers if isinstance(one, MoveNotAllowed)]
    assert (sorted(numbers), len(refused)) == ([1, 2, 3], 3)
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I13"))
        count = await session.scalar(
            select(func.count()).where(LedgerTransfer.cause == "dealer_statement_issued")
        )
    assert count == 1


def test_a_share_is_rounded_once_towards_zero() -> None:
    assert share_of(9_999, 3, share_bp=1_500, fen_per_bottle=7) == 1_499 + 21
    assert share_of(-9_999, -1, share_bp=1_500, fen_per_bottle=7) == -1_499 - 7
    assert share_of(0, 0, share_bp=10_000, fen_per_bottle=100) == 0
