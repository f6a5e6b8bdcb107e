"""Messages of a channel at the door: verified, compared, kept, and answered alike each time."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog

from app.billing.channels.accounts import gateway as configured_gateway
from app.billing.channels.protocol import CURRENCY, Notification, PaymentGateway, TradeState
from app.billing.errors import (
    FactsDiffer,
    NotificationMalformed,
    NotificationNotGenuine,
    NotificationOfStranger,
    SignatureProbe,
)
from app.billing.repository import events as rows
from app.billing.service.capturing import FACTS_DIFFER, require_same_payment
from app.billing.service.finishing import require_same_refund
from app.billing.service.hearing import keep_notification
from app.billing.states import PaymentChannel
from app.core.alerts import raise_alert
from app.core.db import Database
from app.identity.service import record_security_event, security_event

log = structlog.get_logger()

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
    """Verify a message of a channel, compare it with what was asked for, and keep it with the job
    that lets it have its effect; call it outside a transaction.

    Returns for a repeated one as for the first. Raises NotificationMalformed,
    NotificationNotGenuine (SignatureProbe without trace), NotificationOfStranger, FactsDiffer:
    nothing is kept then, and all but the probe are noted as security events.
    """
    account = gateway or configured_gateway(channel)
    try:
        told = await account.read_notification(headers, body)
        if not _is_plain(told, appid=account.appid):
            await _require_ours(database, channel.value, told, appid=account.appid)
        if not await keep_notification(database, channel.value, told, now=now):
            # a repeated one, or not ours: which of them, is worth a second look
            await _require_ours(database, channel.value, told, appid=account.appid)
    except SignatureProbe:
        raise
    except (NotificationMalformed, NotificationNotGenuine) as error:
        await _note(database, error.code, {"reason": error.detail or ""})
        raise
    except NotificationOfStranger as error:
        await _note(database, error.code, {"number": error.number})
        raise
    except FactsDiffer as error:
        await note_differing(database, error)
        raise


def _is_plain(told: Notification, *, appid: str) -> bool:
    """A payment with everything said: whether it is ours is left to the database."""
    paid = told.transaction
    return (
        paid is not None
        and paid.state is TradeState.PAID
        and paid.transaction_id is not None
        and (paid.appid, paid.currency) == (appid, CURRENCY)
        and told.refund_number is None
    )


async def _require_ours(
    database: Database, channel: str, told: Notification, *, appid: str
) -> None:
    if told.transaction is not None:
        payment = await rows.read_payment(database, channel, told.transaction.number)
        if payment is None:
            raise NotificationOfStranger(told.transaction.number)
        if told.transaction.state is TradeState.PAID:
            require_same_payment(payment, told.transaction, appid=appid)
        # money that went back and that nobody here asked for
        refund_number = told.refund_number
        if refund_number is not None and not await rows.read_refund(
            database, channel, refund_number
        ):
            raise NotificationOfStranger(refund_number)
    elif told.refund is not None:
        known = await rows.read_refund(database, channel, told.refund.number)
        if known is None:
            raise NotificationOfStranger(told.refund.number)
        refund, payment = known
        require_same_refund(payment, refund, told.refund)


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


async def note_differing(database: Database, error: FactsDiffer) -> None:
    """A genuine message that does not fit: a security event, and an alert for a person."""
    log.warning("notification.differs", number=error.number, differing=error.differing)
    async with database.transaction() as session:
        facts = json.dumps({"number": error.number, "differing": error.differing})
        await record_security_event(session, kind=error.code, facts=facts)
        await raise_alert(session, FACTS_DIFFER, error.number, differing=error.differing)
