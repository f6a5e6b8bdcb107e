"""Texts that phones send to us: R ends promotions, at once and for good."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import publish
from app.core.ids import new_id
from app.identity.errors import PhoneInvalid
from app.identity.events import MarketingRefused
from app.identity.rules import mask_phone, normalise_phone
from app.notifications import repository
from app.notifications.models import SmsReply
from app.notifications.rules import meaning_of
from app.notifications.service._sealing import index_phone, open_reply, seal_reply
from app.notifications.states import ReplyMeaning

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class InboundText:
    """One text as the provider hands it over; `sequence` is its number there."""

    sequence: str
    phone: str = field(repr=False)
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplyShown:
    """A reply as staff see it: the phone masked."""

    reply_id: UUID
    phone: str = field(repr=False)
    content: str = field(repr=False)
    meaning: ReplyMeaning
    received_at: datetime


async def take_replies(
    session: AsyncSession, *, provider: str, texts: Sequence[InboundText], now: datetime
) -> int:
    """Keep what phones said; R and the like opt the number out. Answers how many were new."""
    taken = 0
    for text in sorted(texts, key=lambda one: one.sequence):
        taken += await _take(session, provider, text, now=now)
    return taken


async def _take(session: AsyncSession, provider: str, text: InboundText, *, now: datetime) -> bool:
    try:
        phone = normalise_phone(text.phone)
    except PhoneInvalid:
        log.info("sms.reply_unreadable", sequence=text.sequence)
        return False
    reply_id, meaning = new_id(), meaning_of(text.content)
    row = {
        "provider": provider,
        "sequence": text.sequence,
        "reply_id": reply_id,
        "phone_index": index_phone(phone),
        "meaning": meaning,
        "received_at": now,
    } | seal_reply(reply_id, phone=phone, content=text.content)
    if not await repository.insert_reply(session, row):
        return False
    if meaning is ReplyMeaning.STOP:
        await repository.opt_out(session, index_phone(phone), at=now)
        await publish(session, MarketingRefused(phone, now))
    return True


async def list_replies(
    session: AsyncSession, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[ReplyShown]:
    """What phones said, newest first."""
    return [
        _shown(row) for row in await repository.list_replies(session, before=before, limit=limit)
    ]


def _shown(reply: SmsReply) -> ReplyShown:
    phone, content = open_reply(reply)
    return ReplyShown(
        reply_id=reply.reply_id,
        phone=mask_phone(phone),
        content=content,
        meaning=reply.meaning,
        received_at=reply.received_at,
    )
