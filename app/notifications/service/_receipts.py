"""Delivery reports of the provider: unsigned, repeated, sometimes faster than its answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.errors import NotFound
from app.core.ids import read_pair
from app.identity import service as identity
from app.identity.errors import PhoneInvalid
from app.identity.rules import normalise_phone
from app.notifications import repository
from app.notifications.models import SmsMessage
from app.notifications.service._sealing import open_phone
from app.notifications.states import SMS_MOVES, AttemptOutcome, SmsStatus

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a provider says became of one message at one phone."""

    provider_message_id: str
    out_id: str | None
    phone: str = field(repr=False)
    succeeded: bool
    error: str | None
    facts: dict[str, Any] = field(default_factory=dict)


async def take_reports(
    session: AsyncSession, *, provider: str, reports: Sequence[DeliveryReport]
) -> int:
    """Note how messages ended; repeats and unknown numbers change nothing. Answers how many did."""
    taken = 0
    for report in sorted(reports, key=lambda one: one.provider_message_id):
        taken += await _take(session, provider, report)
    return taken


async def _take(session: AsyncSession, provider: str, report: DeliveryReport) -> bool:
    number = report.provider_message_id
    owner = await _find_owner(session, provider, report)
    if owner is None:
        log.info("sms.report_unknown", provider_message_id=number)
        return False
    customer_id, message_id = owner
    message = await repository.lock_message(session, customer_id=customer_id, message_id=message_id)
    if message is None or not _same_phone(report.phone, open_phone(message)):
        await identity.record_security_event(
            session, kind="sms_report_mismatch", facts=f"message={message_id}"
        )
        return False
    await repository.link_receipt(
        session,
        provider=provider,
        provider_message_id=number,
        customer_id=customer_id,
        message_id=message_id,
    )
    fresh = await repository.fill_receipt(
        session,
        provider=provider,
        provider_message_id=number,
        at=wall_now(),
        succeeded=report.succeeded,
        facts=report.facts,
    )
    if not fresh:
        return False
    superseded = message.provider_message_id not in {None, number}
    # the provider's records did not show a message that it had all the same
    message.duplicate_possible = message.duplicate_possible or superseded
    message.provider = provider
    message.provider_message_id = message.provider_message_id or number
    await _settle_attempt(session, message, number)
    wanted = SmsStatus.DELIVERED if report.succeeded else SmsStatus.FAILED
    if (superseded and not report.succeeded) or not SMS_MOVES.allows(
        SmsStatus(message.status), wanted
    ):
        return True
    message.change_status(wanted)
    message.failure = None if report.succeeded else (report.error or "unknown")
    return True


async def _settle_attempt(session: AsyncSession, message: SmsMessage, number: str) -> None:
    """A report about a number that no answer named: the provider has taken the last attempt."""
    attempts = await repository.list_attempts(
        session, customer_id=message.customer_id, message_id=message.message_id
    )
    if not attempts or any(one.provider_message_id == number for one in attempts):
        return
    last = attempts[-1]
    if last.outcome in {None, AttemptOutcome.UNKNOWN}:
        last.outcome, last.ended_at = AttemptOutcome.ACCEPTED, last.ended_at or wall_now()
        last.provider_message_id = number


async def _find_owner(
    session: AsyncSession, provider: str, report: DeliveryReport
) -> tuple[UUID, UUID] | None:
    known = await repository.find_receipt(
        session, provider=provider, provider_message_id=report.provider_message_id
    )
    if known is not None:
        return known.customer_id, known.message_id
    try:
        return read_pair("sms", report.out_id or "")
    except NotFound:
        return None


def _same_phone(reported: str, known: str) -> bool:
    try:
        return bool(known) and normalise_phone(reported) == known
    except PhoneInvalid:
        return False
