"""Messages of the channel: verified, handled once, and answered alike however often they come."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.channels.accounts import gateway as configured_gateway
from app.billing.channels.protocol import Notification, PaymentGateway, TradeState
from app.billing.errors import (
    FactsDiffer,
    NotificationMalformed,
    NotificationNotGenuine,
    NotificationOfStranger,
    SignatureProbe,
)
from app.billing.repository import payments as rows
from app.billing.repository import refunds as refund_rows
from app.billing.service.capturing import FACTS_DIFFER, capture
from app.billing.service.finishing import take_channel_word
from app.billing.states import PaymentChannel
from app.core.alerts import raise_alert
from app.core.db import Database
from app.identity.service import record_security_event, security_event

log = structlog.get_logger()

_DEADLOCKS: Final = frozenset({"40001", "40P01"})
_TRIES: Final = 3
_NOTED_PER_MINUTE: Final = 60


async def accept_notification(
    database: Database,
    *,
    channel: PaymentChannel,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    gateway: PaymentGateway | None = None,
) -> None:
    """Verify a message of a channel and let it have its effect, once; call it outside a
    transaction.

    Returns for a repeated one as for the first. Raises NotificationMalformed,
    NotificationNotGenuine (SignatureProbe without trace), NotificationOfStranger, FactsDiffer:
    nothing is captured then, and all but the probe are noted as security events.
    """
    account = gateway or configured_gateway(channel)
    try:
        told = await account.read_notification(headers, body)
        await _handle(database, channel, told, appid=account.appid, now=now)
    except SignatureProbe:
        raise
    except (NotificationMalformed, NotificationNotGenuine) as error:
        await _note(database, error.code, {"reason": error.detail or ""})
        raise
    except NotificationOfStranger as error:
        await _note(database, error.code, {"number": error.number})
        raise
    except FactsDiffer as error:
        await _note_differing(database, error)
        raise


async def _handle(
    database: Database, channel: PaymentChannel, told: Notification, *, appid: str, now: datetime
) -> None:
    for tried in range(1, _TRIES + 1):
        try:
            async with database.transaction() as session:
                await _apply(session, channel, told, appid=appid, now=now)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _DEADLOCKS or tried == _TRIES:
                raise
        else:
            return


async def _apply(
    session: AsyncSession,
    channel: PaymentChannel,
    told: Notification,
    *,
    appid: str,
    now: datetime,
) -> None:
    about = told.transaction or told.refund
    first = await rows.is_first_event(
        session,
        channel=channel.value,
        event_id=told.event_id,
        kind=told.kind,
        number=about.number if about else "",
        now=now,
    )
    if not first:
        return
    if about is None:
        await raise_alert(session, "unknown_channel_event", told.kind)
        return
    known = await rows.find_number(session, channel.value, about.number)
    kind = "payment" if told.transaction is not None else "refund"
    if known is None or known.kind != kind:
        raise NotificationOfStranger(about.number)
    if told.refund_number is not None:
        # money that went back and that nobody here asked for
        asked = await rows.find_number(session, channel.value, told.refund_number)
        if asked is None or asked.kind != "refund":
            raise NotificationOfStranger(told.refund_number)
    if told.transaction is not None:
        payment = await rows.lock_payment(session, known.customer_id, known.row_id)
        # only money is believed at once: that nothing will come, the poller asks for itself
        if told.transaction.state is TradeState.PAID:
            await capture(session, payment, told.transaction, appid=appid, at=now)
    elif told.refund is not None:
        refund = await refund_rows.lock_refund(session, known.customer_id, known.row_id)
        payment = await rows.get_payment(session, known.customer_id, refund.payment_id)
        await take_channel_word(session, payment, refund, told.refund, at=now)


class _Quota:
    """So many a minute: forged messages must not fill the table."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = 0
        self._used = 0

    def take(self) -> bool:
        """Whether one more is within the quota."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self._used += 1
        return self._used <= self._per_minute


_quota = _Quota(_NOTED_PER_MINUTE)


async def _note(database: Database, kind: str, facts: Mapping[str, str]) -> None:
    log.warning("notification.refused", kind=kind, **facts)
    if _quota.take():
        await security_event(database, kind=kind, facts=json.dumps(facts))


async def _note_differing(database: Database, error: FactsDiffer) -> None:
    log.warning("notification.differs", number=error.number, differing=error.differing)
    async with database.transaction() as session:
        facts = json.dumps({"number": error.number, "differing": error.differing})
        await record_security_event(session, kind=error.code, facts=facts)
        await raise_alert(session, FACTS_DIFFER, error.number, differing=error.differing)
