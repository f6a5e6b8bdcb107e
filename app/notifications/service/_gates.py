"""What stands between a message that is due and the provider: use, consent, hours, limits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.events import publish
from app.identity.events import MarketingConsentAsked
from app.notifications import repository
from app.notifications.models import SmsMessage, SmsNumber
from app.notifications.rules import (
    LONGEST_SPAN,
    Limits,
    wait_for_hours,
    wait_for_number,
)
from app.notifications.states import SmsCategory
from app.notifications.templates import Kind


@dataclass(frozen=True, slots=True)
class Held:
    """Not now: `wait` is None where waiting helps nothing."""

    reason: str
    wait: timedelta | None = None


async def check_gates(
    session: AsyncSession, message: SmsMessage, kind: Kind, *, now: datetime, wall: datetime
) -> Held | None:
    """Why a message may not go out now; its number is locked until the transaction ends.

    `now` is business time, for hours and consents; the provider counts on the wall.
    """
    if message.phone_index is None:
        # written before phones had an index; promotions are younger than that
        return Held("no_consent") if kind.category is SmsCategory.MARKETING else None
    number = await repository.lock_number(session, message.phone_index)
    if kind.category is SmsCategory.MARKETING:
        refused = await _refusal(session, message, number)
        if refused is not None:
            return Held(refused)
    rule = await repository.find_rule(session, category=kind.category, on=local_date(now))
    limits = Limits() if rule is None else rule.limits()
    closed = wait_for_hours(now, limits=limits)
    if closed is not None:
        return Held("outside_hours", closed)
    sent = await repository.list_sent(
        session,
        phone_index=message.phone_index,
        category=kind.category,
        kind=None if kind.is_code else kind.code,
        since=wall - LONGEST_SPAN,
    )
    full = wait_for_number(sent, limits=limits, now=wall)
    return None if full is None else Held(f"limit_per_{full[1]}", full[0])


async def _refusal(session: AsyncSession, message: SmsMessage, number: SmsNumber) -> str | None:
    """Why a promotion may not go out: the last word of the number and of its customer counts."""
    asked = MarketingConsentAsked(message.customer_id)
    await publish(session, asked)
    if not asked.given_at:
        return "no_consent"
    if number.opted_out_at is not None and number.opted_out_at >= max(asked.given_at):
        return "opted_out"
    return None
