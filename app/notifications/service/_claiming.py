"""Taking a message that is due: to a call that sends it, to a question, or to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert
from app.core.clock import local_date
from app.core.enqueueing import enqueue
from app.core.ids import public_pair
from app.notifications import repository
from app.notifications.channels import SmsGateway
from app.notifications.models import SmsAttempt, SmsMessage
from app.notifications.rules import back_off
from app.notifications.service._accounts import choose_account
from app.notifications.service._gates import Held, check_gates
from app.notifications.service._sealing import open_parameters, open_phone
from app.notifications.service._sweeping import SEND_JOB, payload_of
from app.notifications.states import SmsAccount, SmsStatus
from app.notifications.templates import Kind, get_kind

SETTLE = timedelta(seconds=60)
"""After this long a call has ended, and the provider's records show what it did."""
NOT_APPROVED = "sms_template_not_approved"
_LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Task:
    """One call: it sends, or `asks` what became of an earlier one."""

    customer_id: UUID
    message_id: UUID
    attempt: int
    gateway: SmsGateway
    accounts: tuple[SmsAccount, ...]
    asks: bool
    claimed_at: datetime
    sent_at: datetime
    kind: Kind
    template_code: str
    phone: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)

    @property
    def out_id(self) -> str:
        """Comes back in reports and records."""
        return public_pair("sms", self.customer_id, self.message_id)


async def claim(
    session: AsyncSession,
    gateways: Sequence[SmsGateway],
    *,
    customer_id: UUID,
    message_id: UUID,
    now: datetime,
    wall: datetime,
) -> Task | None:
    """The next call for a message, its attempt written down; None when there is none now."""
    message = await repository.lock_message(session, customer_id=customer_id, message_id=message_id)
    if message is None:
        return None
    status = SmsStatus(message.status)
    if status in {SmsStatus.SENDING, SmsStatus.UNKNOWN} and message.due_at <= wall:
        return await _claim_question(session, message, gateways, wall=wall)
    if status is not SmsStatus.QUEUED:
        return None
    if wall >= message.send_before_at:
        message.change_status(SmsStatus.EXPIRED)
        return None
    if message.attempts + message.round and message.due_at > wall:
        return None
    kind = get_kind(message.template)
    held = await check_gates(session, message, kind, now=now, wall=wall)
    if held is not None:
        await hold(session, message, held, wall=wall)
        return None
    return await _claim_sending(session, message, kind, gateways, now=now, wall=wall)


async def hold(session: AsyncSession, message: SmsMessage, held: Held, *, wall: datetime) -> None:
    """Let a message wait while it is still useful afterwards; else it is suppressed."""
    message.failure = held.reason
    if held.wait is None or wall + held.wait >= message.send_before_at:
        message.change_status(SmsStatus.SUPPRESSED)
        return
    if message.status != SmsStatus.QUEUED:
        message.change_status(SmsStatus.QUEUED)
    # a promotion may be refused meanwhile, a limit changed: look again now and then
    await wake(session, message, after=min(held.wait, _LONGEST_WAIT), wall=wall)


async def wake(
    session: AsyncSession, message: SmsMessage, *, after: timedelta, wall: datetime
) -> None:
    """Work on the message later. Its present job still holds the plain key, so this one differs."""
    message.due_at = wall + after
    await enqueue(
        session,
        SEND_JOB,
        payload_of(message.customer_id, message.message_id),
        dedupe_key=f"sms:{message.message_id}:{message.due_at.timestamp()}",
        after=after,
    )


async def _claim_question(
    session: AsyncSession, message: SmsMessage, gateways: Sequence[SmsGateway], *, wall: datetime
) -> Task | None:
    if message.status == SmsStatus.SENDING:
        message.change_status(SmsStatus.UNKNOWN)
    attempts = await repository.list_attempts(
        session, customer_id=message.customer_id, message_id=message.message_id
    )
    last = attempts[-1] if attempts else None
    asked = [one for one in gateways if last is None or one.account == last.account]
    # the account was taken out of the settings: the first one cannot know, but a sweep ends it
    gateway = asked[0] if asked else gateways[0]
    return _task(message, get_kind(message.template), gateway, gateways, asks=True, wall=wall)


async def _claim_sending(
    session: AsyncSession,
    message: SmsMessage,
    kind: Kind,
    gateways: Sequence[SmsGateway],
    *,
    now: datetime,
    wall: datetime,
) -> Task | None:
    text = await repository.find_template(session, kind=kind, on=local_date(now))
    codes = await repository.usable_codes(session, text.id)
    usable = [one for one in gateways if one.account in codes]
    if not usable:
        message.failure = "not_approved"
        await raise_alert(session, NOT_APPROVED, kind.code, reason="not_approved")
        message.round += 1
        await wake(session, message, after=_pause(message), wall=wall)
        return None
    tried = {
        one.account
        for one in await repository.list_attempts(
            session, customer_id=message.customer_id, message_id=message.message_id
        )
        if one.round == message.round
    }
    fresh = [one for one in usable if one.account not in tried]
    gateway = await choose_account(session, fresh, wall=wall)
    if gateway is None:
        if tried:
            message.round += 1
            await wake(session, message, after=_pause(message), wall=wall)
        return None
    message.change_status(SmsStatus.SENDING)
    message.attempts += 1
    message.enquiries = 0
    message.attempted_at = wall
    session.add(
        SmsAttempt(
            customer_id=message.customer_id,
            message_id=message.message_id,
            attempt_no=message.attempts,
            round=message.round,
            account=gateway.account,
            category=kind.category,
            kind=kind.code,
            template_id=text.id,
            provider_code=codes[gateway.account],
            phone_index=message.phone_index,
            started_at=wall,
        )
    )
    return _task(
        message, kind, gateway, usable, asks=False, wall=wall, variables=text.variables, codes=codes
    )


def _pause(message: SmsMessage) -> timedelta:
    return back_off(60, message.round - 1, most=600)


def _task(
    message: SmsMessage,
    kind: Kind,
    gateway: SmsGateway,
    usable: Sequence[SmsGateway],
    *,
    asks: bool,
    wall: datetime,
    variables: Sequence[str] = (),
    codes: Mapping[SmsAccount, str] | None = None,
) -> Task:
    message.due_at = wall + SETTLE
    values = open_parameters(message)
    return Task(
        customer_id=message.customer_id,
        message_id=message.message_id,
        attempt=message.attempts,
        gateway=gateway,
        accounts=tuple(one.account for one in usable),
        asks=asks,
        claimed_at=wall,
        sent_at=message.attempted_at or wall,
        kind=kind,
        template_code=(codes or {}).get(gateway.account, ""),
        phone=open_phone(message),
        parameters={name: values[name] for name in variables},
    )
