"""Writing messages down, and showing them."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date, local_instant, wall_now
from app.core.enqueueing import enqueue, enqueue_many
from app.core.ids import new_id
from app.identity.errors import PhoneInvalid
from app.identity.rules import is_mobile, mask_phone, normalise_phone
from app.notifications import repository
from app.notifications.models import SmsAttempt, SmsMessage
from app.notifications.rules import useful_until
from app.notifications.service._sealing import (
    index_phone,
    open_parameters,
    open_phone,
    seal_parameters,
    seal_phone,
)
from app.notifications.service._sweeping import SEND_JOB, payload_of
from app.notifications.states import SmsStatus
from app.notifications.templates import get_kind

_EXPORTED = 1000


@dataclass(frozen=True, slots=True)
class Resend:
    """Who had a message sent once more, and why."""

    message_id: UUID
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """One SMS of a kind for a cause."""

    customer_id: UUID
    phone: str = field(repr=False)
    template: str
    values: Mapping[str, str] = field(repr=False)
    cause: str


async def send_sms(
    session: AsyncSession,
    *,
    customer_id: UUID,
    phone: str,
    template: str,
    parameters: Mapping[str, str],
    cause: str,
    now: datetime,
    send_before: datetime | None = None,
) -> None:
    """Have one SMS of a kind sent for a cause, after this transaction; said again it does nothing.

    `send_before` is on the clock of `now` and may only shorten the time in which the kind is
    useful. A landline is kept as failed. Promotions (kinds of marketing) go to customers who
    consented, within the hours. Raises ValueError for an unknown kind or wrong parameters.
    """
    values = get_kind(template).fit(parameters)
    await write_message(
        session,
        customer_id=customer_id,
        phone=phone,
        template=template,
        values=values,
        cause=cause,
        now=now,
        send_before=send_before,
    )


async def write_message(
    session: AsyncSession,
    *,
    customer_id: UUID,
    phone: str,
    template: str,
    values: Mapping[str, str],
    cause: str,
    now: datetime,
    send_before: datetime | None = None,
    resend: Resend | None = None,
) -> tuple[UUID, SmsStatus] | None:
    """Add the row and its job; None when the event has its message already."""
    use = await repository.find_use(session, kind=get_kind(template), on=local_date(now))
    note = Note(customer_id, phone, template, values, cause)
    useful = _usefulness(use, now=now, send_before=send_before)
    row, shared = _row(note, values, useful), _shared(template, useful)
    if resend is not None:
        sent_by = {
            "resend_of": resend.message_id,
            "resent_by": resend.actor,
            "resend_reason": resend.reason,
        }
        is_new = await repository.insert_message(session, row | shared | sent_by)
    else:
        is_new = bool(await repository.insert_messages(session, [row], shared=shared))
    if not is_new:
        return None
    message_id, status = row["message_id"], row["status"]
    if status is SmsStatus.QUEUED:
        await enqueue(
            session, SEND_JOB, payload_of(customer_id, message_id), dedupe_key=f"sms:{message_id}"
        )
    return message_id, status


async def send_many(session: AsyncSession, notes: Sequence[Note], *, now: datetime) -> int:
    """As `send_sms` for many households, two statements a kind; answers how many messages are new.

    Some hundreds at once: each phone and text is sealed by itself.
    """
    count = 0
    for template in sorted({note.template for note in notes}):
        kind = get_kind(template)
        use = await repository.find_use(session, kind=kind, on=local_date(now))
        useful = _usefulness(use, now=now, send_before=None)
        rows = [
            _row(note, kind.fit(note.values), useful) for note in notes if note.template == template
        ]
        added = await repository.insert_messages(session, rows, shared=_shared(template, useful))
        payloads = [
            payload_of(row["customer_id"], row["message_id"])
            for row in rows
            if row["message_id"] in added and row["status"] is SmsStatus.QUEUED
        ]
        keys = [f"sms:{payload['message_id']}" for payload in payloads]
        await enqueue_many(session, SEND_JOB, payloads, dedupe_keys=keys)
        count += len(added)
    return count


async def list_told(
    session: AsyncSession, *, customer_ids: Collection[UUID], causes: Collection[str]
) -> set[UUID]:
    """Which of these customers were sent, or will be, a message for one of these causes."""
    return await repository.list_told(session, customer_ids=customer_ids, causes=causes)


@dataclass(frozen=True, slots=True)
class _Usefulness:
    """From when to when a text is worth sending: business time, and the wall's of the two."""

    now: datetime
    wall: datetime
    send_before: datetime

    @property
    def is_over(self) -> bool:
        """Whether it comes too late already."""
        return self.send_before <= self.wall


def _usefulness(
    use: tuple[int, time | None], *, now: datetime, send_before: datetime | None
) -> _Usefulness:
    minutes, until = use
    end = useful_until(now=now, useful=timedelta(minutes=minutes), until=until)
    wall = wall_now()
    return _Usefulness(now, wall, wall + (min(end, send_before or end) - now))


def _shared(template: str, useful: _Usefulness) -> dict[str, Any]:
    """The columns that all messages of one kind and time have in common."""
    return {
        "template": template,
        "due_at": useful.wall,
        "send_before_at": useful.send_before,
        "created_at": useful.now,
    }


def _row(note: Note, values: Mapping[str, str], useful: _Usefulness) -> dict[str, Any]:
    """A message's own columns; a landline is kept as failed, one that comes too late as expired."""
    message_id, number = new_id(), note.phone
    status, failure = SmsStatus.QUEUED, None
    if not is_mobile(number):
        with suppress(PhoneInvalid):
            number = normalise_phone(number)
    if not is_mobile(number):
        status, failure = SmsStatus.FAILED, "not_a_mobile"
    elif useful.is_over:
        status = SmsStatus.EXPIRED
    return {
        "customer_id": note.customer_id,
        "message_id": message_id,
        "cause": note.cause,
        "phone_sealed": seal_phone(message_id, number),
        "phone_index": index_phone(number),
        "parameters_sealed": seal_parameters(message_id, values),
        "status": status,
        "failure": failure,
    }


@dataclass(frozen=True, slots=True)
class SmsShown:
    """A message as staff see it: the phone masked, the content not at all."""

    customer_id: UUID
    message_id: UUID
    template: str
    cause: str
    phone: str = field(repr=False)
    status: SmsStatus
    attempts: int
    duplicate_possible: bool
    failure: str | None
    created_at: datetime
    resend_of: UUID | None
    resent_by: str | None
    resend_reason: str | None


def shown(message: SmsMessage) -> SmsShown:
    """The row as staff see it."""
    return SmsShown(
        customer_id=message.customer_id,
        message_id=message.message_id,
        template=message.template,
        cause=message.cause,
        phone=mask_phone(open_phone(message)),
        status=SmsStatus(message.status),
        attempts=message.attempts,
        duplicate_possible=message.duplicate_possible,
        failure=message.failure,
        created_at=message.created_at,
        resend_of=message.resend_of,
        resent_by=message.resent_by,
        resend_reason=message.resend_reason,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What staff look for; what is None does not matter. Dates are the operator's, included."""

    customer_id: UUID | None = None
    phone: str | None = field(default=None, repr=False)
    cause: str | None = None
    template: str | None = None
    status: SmsStatus | None = None
    from_date: date | None = None
    to_date: date | None = None


async def search_messages(
    session: AsyncSession,
    wanted: Wanted,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[SmsShown]:
    """Messages older than `before`, newest first. Raises PhoneInvalid."""
    number = None if wanted.phone is None else normalise_phone(wanted.phone)
    chosen = repository.Filter(
        customer_id=wanted.customer_id,
        phone_index=None if number is None else index_phone(number),
        cause=wanted.cause,
        template=wanted.template,
        status=wanted.status,
        from_at=None if wanted.from_date is None else local_instant(wanted.from_date, time()),
        to_at=None
        if wanted.to_date is None
        else local_instant(wanted.to_date + timedelta(days=1), time()),
    )
    rows = await repository.list_newest(session, chosen, before=before, limit=limit)
    return [shown(row) for row in rows]


async def show_message(
    session: AsyncSession, *, customer_id: UUID, message_id: UUID
) -> tuple[SmsShown, list[SmsAttempt]]:
    """One message and every attempt to send it; raises NotFound."""
    key = {"customer_id": customer_id, "message_id": message_id}
    message = await repository.get_message(session, **key)
    return shown(message), await repository.list_attempts(session, **key)


async def list_own_messages(session: AsyncSession, *, customer_id: UUID) -> list[dict[str, Any]]:
    """The newest thousand messages in full, as JSON values, for the customer's own copy."""
    rows = await repository.list_messages(session, customer_id=customer_id, limit=_EXPORTED)
    return [
        {
            "template": row.template,
            "phone": open_phone(row),
            "parameters": open_parameters(row),
            "status": row.status,
            "created_at": row.created_at.isoformat(),
        }
        for row in rows
    ]


async def find_parameters(
    session: AsyncSession, *, customer_id: UUID, cause: str, template: str
) -> dict[str, str] | None:
    """What the message of a cause says, by variable; None without one. Never to be logged."""
    message = await repository.find_by_cause(
        session, customer_id=customer_id, cause=cause, template=template
    )
    return None if message is None else open_parameters(message)
