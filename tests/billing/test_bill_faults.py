"""Bills with bad rows, missing days and duplicates: what differs is what was planted, and no more.

Three days of true books stay as they are. Round after round their bills come spoilt, in any order,
some twice, some first as a file that is no bill; then the true ones come, and nothing is left.
"""

import gzip
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.billing.channels import bill_rows
from app.billing.models import Payment
from app.billing.service import query_payment
from app.billing.states import BillStatus
from app.core.clock import OPERATOR_ZONE
from app.core.db import Database
from app.core.jobs import JobContext
from app.core.money import yuan_text
from app.identity.models import Role
from tests.billing.bills import (
    DAY,
    SPOILT,
    Desk,
    alter,
    bill_of,
    bills,
    give_back,
    morning_after,
    public_id,
    refund_row,
    row,
    set_both,
)
from tests.factories.billing import pay_one, start_one
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.doses import dose
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")
ROUNDS = dose(3, 100)
SPOILT_TEXTS = dose(200, 20_000)
DAYS = [TODAY, TODAY + DAY, TODAY + 2 * DAY]
MINUTE = timedelta(minutes=1)
TO_MIDNIGHT = timedelta(hours=13, minutes=59, seconds=50)
"""From MORNING, ten seconds short."""
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What our books have: its number, its worth, and our day."""

    number: str
    kind: str
    fen: int
    day: date


@dataclass
class Bill:
    """Rows of a day as they are sent, and what can be read of them."""

    rows: list[Row] = field(default_factory=list)
    lines: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Number -> kind and fen."""
    faults: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Books:
    """Three days: what we have, and the bills that are true."""

    merchant: str
    entries: dict[str, Entry] = field(default_factory=dict)
    true: dict[date, list[Row]] = field(default_factory=lambda: {day: [] for day in DAYS})

    def add(self, entry: Entry, *, at: datetime) -> None:
        """What both sides have; the channel says it at this instant."""
        self.entries[entry.number] = entry
        said = {"交易时间": at.strftime("%Y-%m-%d %H:%M:%S")}
        yuan = yuan_text(entry.fen)
        made = (
            row(self.merchant, 商户订单号=entry.number, 订单金额=yuan, **said)
            if entry.kind == "payment"
            else refund_row(self.merchant, entry.number, yuan, **said)
        )
        self.true[at.date()].append(made)


def read_of(rows: Sequence[Row], reasons: Mapping[int, str]) -> Bill:
    """A bill of these rows, of which some (by their place) are to be set aside."""
    bill = Bill(list(rows))
    for place, said in enumerate(rows):
        if place in reasons:
            bill.faults.append((place + 2, reasons[place]))
        elif said["交易状态"] == "REFUND":
            bill.lines[said["商户退款单号"]] = "refund", fen_of(said["申请退款金额"])
        else:
            bill.lines[said["商户订单号"]] = "payment", fen_of(said["订单金额"])
    return bill


def fen_of(yuan: str) -> int:
    """`12.30` -> 1230."""
    return int(yuan.replace(".", ""))


def spoil(chance: random.Random, books: Books, day: date) -> Bill:
    """The day's true rows with strangers, sums that are off, rows left out, doubled and broken."""
    rows = [dict(said) for said in books.true[day] if chance.random() > 0.15]
    for number in range(chance.randrange(3)):
        time = f"{day} 12:00:0{number}"
        stranger = row(books.merchant, 商户订单号=f"S{chance.randrange(10**9)}", 交易时间=time)
        rows.insert(chance.randrange(len(rows) + 1), stranger)
    for said in rows:
        if said["交易状态"] == "SUCCESS" and chance.random() < 0.15:
            said["订单金额"] = yuan_text(fen_of(said["订单金额"]) + chance.choice([-1, 1]))
    reasons: dict[int, str] = {}
    sent: list[Row] = []
    for said in rows:
        changes, reason = chance.choice(SPOILT)
        if said["交易状态"] == "SUCCESS" and chance.random() < 0.2:
            reasons[len(sent)] = reason
            sent.append(said | changes)
            continue
        sent.append(said)
        if chance.random() < 0.15:
            reasons[len(sent)] = "duplicate"
            sent.append(said)
    return read_of(sent, reasons)


def no_bill(chance: random.Random, bill: Bill) -> bytes:
    """A file that is not this bill as a whole."""
    whole = bill_of(bill.rows)
    packed = gzip.compress(whole)
    kinds: list[Callable[[], bytes]] = [
        lambda: whole[: chance.randrange(whole.index("总交易单数".encode()))],
        lambda: packed[: chance.randrange(2, len(packed))],
        lambda: packed[:-8] + bytes(8),
        lambda: gzip.compress(bytes(bill_rows.MAX_BYTES + 1)),
        lambda: bytes(bill_rows.MAX_BYTES + 1),
        lambda: bill_of(bill.rows, counted=len(bill.rows) + chance.choice([-1, 1, 1000])),
        lambda: bill_of([row("1900000109")]),
        lambda: whole.replace("商户订单号".encode(), "订单号".encode()),
        lambda: whole.decode().encode("gb18030"),
    ]
    return chance.choice(kinds)()


def expect(books: Books, there: Mapping[date, Bill]) -> dict[tuple[date, str], tuple[str, str]]:
    """Which differences live, given the bills that have come: day and number -> kind and state."""
    found: dict[tuple[date, str], tuple[str, str]] = {}
    for day, bill in there.items():
        for number, (_, fen) in bill.lines.items():
            ours = books.entries.get(number)
            if ours is None:
                found[day, number] = "only_theirs", "open"
            elif ours.fen != fen:
                found[day, number] = "amount_differs", "open"
            elif ours.day != day:
                found[day, number] = (
                    "date_differs",
                    "resolved" if ours.day > day else "explained",
                )
    seen = {number for bill in there.values() for number in bill.lines}
    for ours in books.entries.values():
        if ours.day in there and ours.number not in seen:
            found[ours.day, ours.number] = "only_ours", "open"
    return found


def at_hour(day: date, hour: int) -> datetime:
    """An hour of a day in Shanghai, as a bill writes it."""
    return datetime.combine(day, time(hour), OPERATOR_ZONE)


@pytest.fixture
async def books(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> Books:
    """Payments and refunds of three days, of which some are said on another day than ours."""
    made = Books(payments.gateway.merchant)

    async def pay(fen: int, at: datetime) -> Payment:
        set_both(clock, payments, at)
        return await pay_one(database, payments, world.household, amount_fen=fen, now=at)

    for number, day in enumerate(DAYS):
        morning = MORNING + number * DAY
        for fen in (1_000, 2_000, 3_000):
            paid = await pay(fen + number, morning)
            entry = Entry(paid.out_trade_no, "payment", fen + number, day)
            made.add(entry, at=at_hour(day, 10))
        refund = await give_back(database, paid, 100 + number)
        await drain(job_context)
        made.add(Entry(refund, "refund", 100 + number, day), at=at_hour(day, 11))
        if day == DAYS[-1]:
            continue
        moved = await pay(5_000 + number, morning + TO_MIDNIGHT)
        entry = Entry(moved.out_trade_no, "payment", 5_000 + number, day)
        made.add(entry, at=at_hour(day + DAY, 0))
        fen = 4_000 + number
        late = await start_one(database, world.household, amount_fen=fen, now=clock.now())
        payments.pay(late.out_trade_no)
        set_both(clock, payments, morning + DAY)
        await query_payment(
            database, customer_id=late.customer_id, payment_id=late.payment_id, now=clock.now()
        )
        made.add(Entry(late.out_trade_no, "payment", fen, day + DAY), at=at_hour(day, 23))
    set_both(clock, payments, MORNING + 3 * DAY + 5 * MINUTE)
    return made


async def kept(database: Database) -> list[Any]:
    """Everything that is known from bills."""
    async with database.transaction() as session:
        return [
            (await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))).all()
            for table in ("channel_bill_lines", "channel_bill_faults", "channel_bill_differences")
        ]


async def living(database: Database) -> dict[tuple[date, str], tuple[str, str]]:
    """Differences that have not ended: day and number -> kind and state."""
    async with database.transaction() as session:
        rows = await session.execute(
            text("""SELECT b.bill_date, d.number, d.kind, d.state
                    FROM channel_bill_differences d JOIN channel_bills b USING (bill_id)
                    WHERE d.ended_at IS NULL""")
        )
        return {(day, number): (kind, state) for day, number, kind, state in rows}


async def test_what_differs_is_what_was_planted_and_ends_when_it_is_repaired(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    clock: SetClock,
    job_context: JobContext,
    books: Books,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bill_rows, "MAX_BYTES", 1_000_000)
    desk = Desk(client, world)
    there: dict[date, Bill] = {}

    async def bring(day: date, bill: Bill, *, packed: bool) -> None:
        clock.set(clock.now() + MINUTE)
        whole = bill_of(bill.rows)
        facts = await desk.bring(day.isoformat(), gzip.compress(whole) if packed else whole)
        assert (facts["line_count"], facts["bad_count"]) == (len(bill.lines), len(bill.faults))
        shown = await client.get(f"{desk.path}/faults", headers=desk.headers)
        found = [(fault["line_no"], fault["reason"]) for fault in shown.json()["items"]]
        assert found == bill.faults
        there[day] = bill
        await drain(job_context)
        assert await living(database) == expect(books, there)

    for seed in range(ROUNDS):
        chance = random.Random(seed)
        for day in chance.sample(DAYS, 3):
            bill = spoil(chance, books, day)
            made = await client.post(
                "/bills", json={"bill_date": day.isoformat()}, headers=desk.headers | once()
            )
            before = await kept(database)
            refused = await client.post(
                f"/bills/{made.json()['id']}/file",
                content=no_bill(chance, bill),
                headers=desk.headers | once(),
            )
            assert (refused.status_code, refused.json()["code"]) == (400, "bill_file_malformed")
            assert await kept(database) == before
            await bring(day, bill, packed=chance.random() < 0.5)
            if chance.random() < 0.5:
                before = await kept(database)
                await bring(day, bill, packed=True)
                assert await kept(database) == before
        for day in chance.sample(DAYS, 3):
            await bring(day, read_of(books.true[day], {}), packed=True)
        left = await living(database)
        assert {kind for kind, _ in left.values()} == {"date_differs"}
        assert "open" not in {state for _, state in left.values()}
        async with database.transaction() as session:
            await assert_invariants(session, clock.now(), only=("I1", "I3", "I9", "I11"))


async def test_downloads_that_are_no_bill_leave_nothing_until_it_comes(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bill_rows, "MAX_BYTES", 100_000)
    set_both(clock, payments, MORNING)
    paid = await pay_one(database, payments, world.household)
    true = bill_of([row(payments.gateway.merchant, 商户订单号=paid.out_trade_no)])
    sent = alter(payments, b"")
    await morning_after(clock, payments, job_context)
    finance = world.staff[Role.FINANCE].headers
    failures = []
    for content in (
        b"",
        gzip.compress(bytes(100_001)),
        gzip.compress(true)[:-9],
        gzip.compress(true + b"\n"),
        true.replace(b"105.00", b"105.01"),
    ):
        sent.content = content
        [bill] = await bills(database)
        asked = await client.post(f"/bills/{public_id(bill)}/download", headers=finance | once())
        assert asked.status_code == 202
        await drain(job_context)
        [bill] = await bills(database)
        assert (bill.status, bill.tries) == (BillStatus.WAITING, 1)
        failures.append(str(bill.failure).partition(": ")[2])
    assert await kept(database) == [[], [], []]
    wrong_hash = "the bill does not fit its hash"
    assert failures == [
        wrong_hash,
        "the bill is too_large",
        "the bill is gzip_broken",
        wrong_hash,
        wrong_hash,
    ]
    payments.http._transport = sent.inner
    await client.post(f"/bills/{public_id(bill)}/download", headers=finance | once())
    await drain(job_context)
    [bill] = await bills(database)
    assert (bill.status, bill.matched_count) == (BillStatus.LOADED, 1)
    assert await living(database) == {}
