"""Handing a message to the provider: claim, call, record.

A call without an answer leaves the message unknown. After a minute the provider is asked; only
what it does not have is sent again, and when it cannot tell, the message is marked as possibly
sent twice. A login code is never sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert
from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import public_pair
from app.core.jobs import enqueue
from app.core.outbound import Answered, Unknown, call_outside
from app.notifications import repository
from app.notifications.channels import (
    Accepted,
    Breaker,
    Found,
    Refused,
    SendAnswer,
    SmsGateway,
    Unreached,
)
from app.notifications.channels.protocol import Fate, RefusalKind
from app.notifications.models import SmsMessage
from app.notifications.service._sealing import open_parameters, open_phone
from app.notifications.service._sweeping import SEND_JOB, payload_of
from app.notifications.states import SmsStatus
from app.notifications.templates import Template, get_template

SETTLE = timedelta(seconds=60)
"""After this long a call has ended, and the provider's records show what it did."""
STALE = timedelta(seconds=20)
"""A claim older than this is not acted upon: someone else may soon think it lapsed."""
ENQUIRIES = 5
BREAKER = Breaker()


@dataclass(frozen=True, slots=True)
class _Task:
    customer_id: UUID
    message_id: UUID
    attempt: int
    asks: bool
    claimed_at: datetime
    sent_at: datetime
    template: Template
    phone: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)

    @property
    def out_id(self) -> str:
        return public_pair("sms", self.customer_id, self.message_id)


_Reply = SendAnswer | Found | None
_Outcome = Answered[_Reply] | Unknown


async def send_message(
    database: Database, provider: SmsGateway, *, customer_id: UUID, message_id: UUID
) -> None:
    """Send a message that is due, or find out what became of it; else do nothing."""
    if not BREAKER.lets_through(wall_now()):
        return

    async def prepare(session: AsyncSession) -> _Task | None:
        return await _claim(session, customer_id=customer_id, message_id=message_id)

    async def call(task: _Task) -> _Reply:
        if task.asks:
            return await provider.find(phone=task.phone, out_id=task.out_id, sent_at=task.sent_at)
        if wall_now() - task.claimed_at > STALE:
            return Unreached("claim gone stale")
        return await provider.send(
            phone=task.phone,
            template=task.template,
            parameters=task.parameters,
            out_id=task.out_id,
        )

    async def record(session: AsyncSession, task: _Task, outcome: _Outcome) -> None:
        if isinstance(outcome, Unknown) or isinstance(outcome.value, Unreached):
            BREAKER.failed(wall_now())
        else:
            BREAKER.succeeded()
        message = await repository.lock_message(
            session, customer_id=customer_id, message_id=message_id
        )
        if message is None:
            return
        if task.asks:
            await _record_enquiry(session, message, task, outcome)
        else:
            await _record_sending(session, message, task, outcome, provider=provider.provider)

    await call_outside(database, prepare=prepare, call=call, record=record)


async def _claim(session: AsyncSession, *, customer_id: UUID, message_id: UUID) -> _Task | None:
    message = await repository.lock_message(session, customer_id=customer_id, message_id=message_id)
    if message is None:
        return None
    wall = wall_now()
    status = SmsStatus(message.status)
    if status is SmsStatus.QUEUED:
        if wall >= message.send_before_at:
            _fail(message, "expired")
            return None
        if message.attempts and message.due_at > wall:
            return None
        message.change_status(SmsStatus.SENDING)
        message.attempts += 1
        message.enquiries = 0
        message.attempted_at = wall
    elif status in {SmsStatus.SENDING, SmsStatus.UNKNOWN}:
        if message.due_at > wall:
            return None
        if status is SmsStatus.SENDING:
            message.change_status(SmsStatus.UNKNOWN)
    else:
        return None
    message.due_at = wall + SETTLE
    return _Task(
        customer_id=customer_id,
        message_id=message_id,
        attempt=message.attempts,
        asks=status is not SmsStatus.QUEUED,
        claimed_at=wall,
        sent_at=message.attempted_at or wall,
        template=get_template(message.template),
        phone=open_phone(message),
        parameters=open_parameters(message),
    )


def _fail(message: SmsMessage, reason: str) -> None:
    message.change_status(SmsStatus.FAILED)
    message.failure = reason


async def _again(session: AsyncSession, message: SmsMessage, *, after: timedelta) -> None:
    """Wake the message later. Its present job still holds the plain key, so this one differs."""
    message.due_at = wall_now() + after
    await enqueue(
        session,
        SEND_JOB,
        payload_of(message.customer_id, message.message_id),
        dedupe_key=f"sms:{message.message_id}:{message.attempts}.{message.enquiries}",
        after=after,
    )


async def _record_sending(
    session: AsyncSession, message: SmsMessage, task: _Task, outcome: _Outcome, *, provider: str
) -> None:
    accepted = (
        outcome.value
        if isinstance(outcome, Answered) and isinstance(outcome.value, Accepted)
        else None
    )
    if accepted is not None:
        await repository.link_receipt(
            session,
            provider=provider,
            provider_message_id=accepted.message_id,
            customer_id=message.customer_id,
            message_id=message.message_id,
        )
        message.provider = provider
        message.provider_message_id = message.provider_message_id or accepted.message_id
    if message.attempts != task.attempt or message.status != SmsStatus.SENDING:
        # a receipt was faster, or the claim lapsed and somebody went on
        if accepted is not None and message.attempts != task.attempt:
            message.duplicate_possible = True
        return
    if accepted is not None:
        message.change_status(SmsStatus.ACCEPTED)
        message.failure = None
    elif isinstance(outcome, Unknown):
        message.change_status(SmsStatus.UNKNOWN)
        message.failure = "no_answer"
        await _again(session, message, after=SETTLE)
    elif isinstance(outcome.value, Refused):
        await _refused(session, message, task.template, outcome.value)
    else:
        message.change_status(SmsStatus.QUEUED)
        message.failure = "unreached"
        await _again(session, message, after=_back_off(5, message.attempts, most=300))


async def _refused(
    session: AsyncSession, message: SmsMessage, template: Template, refused: Refused
) -> None:
    if refused.kind is RefusalKind.OPERATOR:
        await raise_alert(session, "sms_provider_refuses", refused.code)
    if refused.kind is RefusalKind.FINAL or template.is_code:
        _fail(message, refused.code)
        return
    message.change_status(SmsStatus.QUEUED)
    message.failure = refused.code
    await _again(session, message, after=_back_off(60, message.attempts, most=3600))


def _back_off(seconds: int, attempts: int, *, most: int) -> timedelta:
    return timedelta(seconds=min(seconds * 2 ** min(attempts - 1, 10), most))


async def _record_enquiry(
    session: AsyncSession, message: SmsMessage, task: _Task, outcome: _Outcome
) -> None:
    if message.attempts != task.attempt or message.status != SmsStatus.UNKNOWN:
        return
    resends = not task.template.is_code and wall_now() < message.send_before_at
    if isinstance(outcome, Unknown):
        message.enquiries += 1
        if message.enquiries < ENQUIRIES:
            await _again(session, message, after=SETTLE * 2**message.enquiries)
        elif resends:
            message.duplicate_possible = True
            message.change_status(SmsStatus.QUEUED)
            await _again(session, message, after=timedelta())
        else:
            _fail(message, "outcome_unknown")
    elif isinstance(outcome.value, Found):
        found = outcome.value
        message.failure = None
        if found.fate is Fate.FAILED:
            _fail(message, found.error or "unknown")
        else:
            received = found.fate is Fate.RECEIVED
            message.change_status(SmsStatus.DELIVERED if received else SmsStatus.ACCEPTED)
    elif resends:
        message.change_status(SmsStatus.QUEUED)
        await _again(session, message, after=timedelta())
    else:
        _fail(message, "not_sent")
