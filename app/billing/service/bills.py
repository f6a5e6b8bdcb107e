"""A channel's own bill: asked for once a day, read, kept, and laid beside our books (S1 5.2.7)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.bill_models import Bill
from app.billing.channels.accounts import bill_sources, gateway
from app.billing.channels.bill_readers import AS_FILES, READERS
from app.billing.channels.bill_source import BillSource, NoBill, ReadBill
from app.billing.channels.protocol import Refused
from app.billing.errors import (
    BillComesAsFile,
    BillFileMalformed,
    BillMerchantMissing,
    BillNotReady,
    BillTooOld,
    BillUnknown,
    ChannelNotConfigured,
)
from app.billing.repository import bills as rows
from app.billing.repository.bill_matching import match_bill
from app.billing.service.bill_fees import book_fees
from app.billing.states import BILL_MOVES, BillEntry, BillOrigin, BillStatus, PaymentChannel
from app.core.alerts import raise_alert, resolve_alert
from app.core.clock import OPERATOR_ZONE, local_date, local_instant
from app.core.db import Database
from app.core.enqueueing import enqueue, enqueue_many
from app.core.outbound import Answered, OutcomeUnknown, Unknown, call_outside

log = structlog.get_logger()

DOWNLOAD_JOB: Final = "billing.download_bill"
MATCH_JOB: Final = "billing.match_bills"
MISSING: Final = "bill_missing"
"""Alert: a day's bill has not come by noon of the next."""
UNREAD: Final = "bill_rows_unread"
"""Alert: a bill has rows that were set aside."""
MOST_MADE_UP: Final = timedelta(days=31)
"""So many days are made up after the installation was off."""
REMATCHED: Final = timedelta(days=35)
"""Bills so old are matched again while they have open differences."""

Answer = ReadBill | NoBill | Refused


async def ask_for_bills(session: AsyncSession, *, now: datetime) -> int:
    """Want yesterday's bill of every channel that makes them, and those of days before that nobody
    asked for; answers how many downloads are enqueued. Channels without an account are left out.
    """
    yesterday = local_date(now) - timedelta(days=1)
    for channel, source in bill_sources().items():
        oldest = await rows.find_oldest_date(session, channel=channel, merchant=source.merchant)
        await rows.make_days(
            session,
            channel=channel,
            merchant=source.merchant,
            first=max(oldest or yesterday, yesterday - MOST_MADE_UP),
            last=yesterday,
            now=now,
        )
    return await wake_due_bills(session, now=now)


async def wake_due_bills(session: AsyncSession, *, now: datetime) -> int:
    """Enqueue every bill whose next download has come; answers how many."""
    due = await rows.list_wanted(session, now=now)
    await _enqueue(session, due)
    return len(due)


async def ask_again(session: AsyncSession, *, bill_id: UUID, by: UUID, now: datetime) -> Bill:
    """Download a day's bill once more; what it brought before stays until the new one is there.

    Raises BillUnknown, BillComesAsFile, ChannelNotConfigured, BillTooOld, BillNotReady.
    """
    bill = await rows.get_bill(session, bill_id, lock=True)
    if bill.channel in AS_FILES:
        raise BillComesAsFile
    source = _require_source(PaymentChannel(bill.channel))
    if bill.merchant_account != source.merchant:
        raise ChannelNotConfigured(merchant=bill.merchant_account)
    _require_kept(bill, now=now)
    bill.tries, bill.next_try_at, bill.asked_by = 0, now, by
    await session.flush()
    await _enqueue(session, [bill.bill_id])
    return bill


async def ask_for_day(
    session: AsyncSession,
    *,
    day: date,
    by: UUID,
    now: datetime,
    channel: PaymentChannel = PaymentChannel.WECHAT,
    merchant: str | None = None,
) -> Bill:
    """The bill of a day that has none yet, wanted from now on; one that is there stays as it is.

    A day older than the channel keeps, and the bill of a channel that cannot be asked, wait for a
    file; `merchant` names the account there where it is not ours by setting. Raises
    ChannelNotConfigured, BillMerchantMissing, BillNotReady.
    """
    account = _require_merchant(channel, merchant)
    _require_ready(channel, day, now=now)
    found = await rows.find_by_day(session, channel=channel, merchant=account, day=day)
    if found is not None:
        return found
    await rows.make_days(session, channel=channel, merchant=account, first=day, last=day, now=now)
    made = await rows.find_by_day(session, channel=channel, merchant=account, day=day)
    if made is None:
        raise BillUnknown
    made.asked_by = by
    if channel not in AS_FILES and rules.is_bill_kept(day, today=local_date(now)):
        await _enqueue(session, [made.bill_id])
    else:
        made.next_try_at = None
    await session.flush()
    return made


@dataclass(frozen=True, slots=True)
class _Attempt:
    bill_id: UUID
    channel: PaymentChannel
    day: date
    source: BillSource


async def download_bill(database: Database, *, bill_id: UUID, now: datetime) -> None:
    """Fetch a wanted bill in three steps, keep it and match it; harmless when repeated.

    An answer that means nothing is tried again, ever more seldom. Raises BillUnknown.
    """

    async def prepare(session: AsyncSession) -> _Attempt | None:
        return await _prepare(session, bill_id, now=now)

    async def record(
        session: AsyncSession, attempt: _Attempt, outcome: Answered[Answer] | Unknown
    ) -> None:
        bill = await rows.get_bill(session, attempt.bill_id, lock=True)
        if bill.next_try_at is not None:  # else another worker was faster, or a file came
            await _record(session, bill, outcome, now=now)

    await call_outside(database, prepare=prepare, call=_fetch, record=record)


async def _prepare(session: AsyncSession, bill_id: UUID, *, now: datetime) -> _Attempt | None:
    bill = await rows.get_bill(session, bill_id, lock=True)
    channel = PaymentChannel(bill.channel)
    source = bill_sources().get(channel)
    if source is None or source.merchant != bill.merchant_account:
        return None
    if bill.next_try_at is None or bill.next_try_at > now:
        return None
    if not rules.is_bill_kept(bill.bill_date, today=local_date(now)):
        bill.next_try_at, bill.failure = None, "past the channel's three months"
        return None
    bill.tries += 1
    bill.next_try_at = now + rules.retry_bill_after(bill.tries)
    return _Attempt(bill_id, channel, bill.bill_date, source)


async def _fetch(attempt: _Attempt) -> Answer:
    found = await attempt.source.fetch_bill(attempt.day)
    if not isinstance(found, bytes):
        return found
    read, merchant = READERS[attempt.channel], attempt.source.merchant
    try:
        return await asyncio.to_thread(read, found, merchant=merchant, day=attempt.day)
    except BillFileMalformed as error:
        raise OutcomeUnknown(f"the bill is malformed: {error.what}") from error


async def _record(
    session: AsyncSession, bill: Bill, outcome: Answered[Answer] | Unknown, *, now: datetime
) -> None:
    match outcome:
        case Answered(ReadBill() as read):
            await _take(session, bill, read, BillOrigin.CHANNEL, now=now)
            return
        case Answered(NoBill()):
            await _take(session, bill, ReadBill([], []), BillOrigin.CHANNEL, now=now)
            return
        case Answered(Refused(code)):
            bill.failure = code
        case Unknown(reason):
            bill.failure = reason
    log.warning("bill.not_come", reason=bill.failure, tries=bill.tries, **_named(bill))


async def import_bill(
    session: AsyncSession, *, bill_id: UUID, content: bytes, by: UUID, now: datetime
) -> Bill:
    """Take a bill from a file as its channel makes it, as if it had been downloaded.

    The same file again changes nothing. Raises BillUnknown, BillFileMalformed.
    """
    bill = await rows.get_bill(session, bill_id)
    read = READERS[PaymentChannel(bill.channel)]
    found = await asyncio.to_thread(
        read, content, merchant=bill.merchant_account, day=bill.bill_date
    )
    if found.faults and not found.lines:
        raise BillFileMalformed(found.faults[0].reason)
    bill = await rows.get_bill(session, bill_id, lock=True)
    bill.asked_by = by
    await _take(session, bill, found, BillOrigin.FILE, now=now)
    return bill


async def match_unsettled(database: Database, *, now: datetime) -> None:
    """Match bills with work left once more, each in its own transaction.

    A later bill, or a late capture, closes what it explains.
    """
    since = local_date(now) - REMATCHED
    async with database.transaction() as session:
        found = await rows.list_unsettled(session, since=since)
    for bill_id in found:
        async with database.transaction() as session:
            await _match(session, await rows.get_bill(session, bill_id, lock=True), now=now)


async def watch_bills(session: AsyncSession, *, now: datetime) -> None:
    """Raise an alert for every day before today whose bill has not come."""
    await ask_for_bills(session, now=now)
    for bill in await rows.list_waiting(session, before=local_date(now)):
        await raise_alert(
            session, MISSING, _subject(bill), tries=bill.tries, reason=bill.failure or "not asked"
        )


async def _take(
    session: AsyncSession, bill: Bill, read: ReadBill, origin: BillOrigin, *, now: datetime
) -> None:
    status = BillStatus.LOADED if read.lines or read.faults else BillStatus.EMPTY
    BILL_MOVES.require(BillStatus(bill.status), status)
    paid = [line for line in read.lines if line.entry is BillEntry.PAYMENT]
    back = [line for line in read.lines if line.entry is BillEntry.REFUND and line.moves_money]
    bill.status, bill.origin, bill.taken_at = status, origin, now
    bill.next_try_at = bill.failure = None
    bill.line_count, bill.bad_count = len(read.lines), len(read.faults)
    bill.paid_count, bill.paid_fen = len(paid), sum(line.amount_fen for line in paid)
    bill.refund_count, bill.refunded_fen = len(back), sum(line.amount_fen for line in back)
    bill.fee_fen = sum(line.fee_fen for line in read.lines)
    await session.flush()
    await rows.replace_rows(session, bill.bill_id, read)
    await book_fees(session, bill, now=now)
    log.info(
        "bill.taken",
        **_named(bill),
        origin=origin.value,
        status=status.value,
        lines=bill.line_count,
        bad=bill.bad_count,
    )
    await _match(session, bill, now=now)
    await resolve_alert(session, MISSING, _subject(bill))
    await resolve_alert(session, UNREAD, _subject(bill))
    if read.faults:
        await raise_alert(session, UNREAD, _subject(bill), rows=len(read.faults))
    # It may hold what the days before it lacked.
    await enqueue(session, MATCH_JOB, {}, dedupe_key=MATCH_JOB)


async def _match(session: AsyncSession, bill: Bill, *, now: datetime) -> None:
    done = await match_bill(session, bill.bill_id, now=now, zone=OPERATOR_ZONE.key)
    log.info(
        "bill.matched", lines=done.lines, differing=done.told, ended=done.ended, **_named(bill)
    )
    await session.refresh(bill)


async def _enqueue(session: AsyncSession, bill_ids: Sequence[UUID]) -> None:
    await enqueue_many(
        session,
        DOWNLOAD_JOB,
        [{"bill_id": str(bill_id)} for bill_id in bill_ids],
        dedupe_keys=[f"{DOWNLOAD_JOB}:{bill_id}" for bill_id in bill_ids],
    )


def _require_source(channel: PaymentChannel) -> BillSource:
    source = bill_sources().get(channel)
    if source is None:
        raise ChannelNotConfigured
    return source


def _require_merchant(channel: PaymentChannel, merchant: str | None) -> str:
    """Whose bill it is: our account's where the channel is asked, or as it is said."""
    if channel not in AS_FILES:
        own = _require_source(channel).merchant
        if merchant not in {None, own}:
            raise ChannelNotConfigured(merchant=merchant or "")
        return own
    if merchant is not None:
        return merchant
    if channel is PaymentChannel.POS:
        raise BillMerchantMissing
    try:
        return gateway(channel).merchant
    except ChannelNotConfigured as error:
        raise BillMerchantMissing from error


def _require_ready(channel: PaymentChannel, day: date, *, now: datetime) -> None:
    hour = 0 if channel in AS_FILES else rules.BILL_READY_HOUR
    ready_at = local_instant(day + timedelta(days=1), time(hour))
    if now < ready_at:
        raise BillNotReady(ready_at=ready_at.isoformat())


def _require_kept(bill: Bill, *, now: datetime) -> None:
    _require_ready(PaymentChannel(bill.channel), bill.bill_date, now=now)
    if not rules.is_bill_kept(bill.bill_date, today=local_date(now)):
        raise BillTooOld


def _subject(bill: Bill) -> str:
    return f"{bill.channel}:{bill.merchant_account}:{bill.bill_date.isoformat()}"


def _named(bill: Bill) -> dict[str, str]:
    return {
        "channel": str(bill.channel),
        "merchant": bill.merchant_account,
        "bill_date": bill.bill_date.isoformat(),
    }
