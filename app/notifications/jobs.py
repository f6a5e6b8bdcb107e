"""Background jobs of notifications."""

from datetime import time, timedelta
from uuid import UUID

import structlog

from app.core.alerts import raise_alert, resolve_alert
from app.core.enqueueing import Payload
from app.core.errors import SetupError
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.notifications import service
from app.notifications.channels import gateways

log = structlog.get_logger()

NOT_CONFIGURED = "sms_not_configured"


async def send_sms(context: JobContext, payload: Payload) -> None:
    """Send one message, or find out what became of it."""
    try:
        accounts = gateways()
    except SetupError as error:
        # the message stays queued: the sweep raises the alert and wakes it once this is mended
        log.warning("sms.not_configured", reason=str(error))
        return
    await service.send_message(
        context.database,
        accounts,
        customer_id=UUID(payload["customer_id"]),
        message_id=UUID(payload["message_id"]),
        clock=context.clock,
    )


async def sweep(context: JobContext, payload: Payload) -> None:
    """Wake every message that is due, even when its job was lost."""
    del payload
    reason = None
    try:
        gateways()
    except SetupError as error:
        reason = str(error)
    async with context.database.transaction() as session:
        if reason is None:
            await resolve_alert(session, NOT_CONFIGURED, "installation")
        else:
            await raise_alert(session, NOT_CONFIGURED, "installation", reason=reason)
        await service.complete_texts(session)
        await service.sweep(session, sending=reason is None)


async def prune(context: JobContext, payload: Payload) -> None:
    """Forget login codes a day after their time."""
    del payload
    async with context.database.transaction() as session:
        await service.prune(session)


JOBS: list[JobSpec] = [
    JobSpec(service.SEND_JOB, send_sms, concurrency=20),
    JobSpec("notifications.sweep", sweep),
    JobSpec("notifications.prune", prune),
]
SCHEDULES: list[Schedule] = [
    Schedule("notifications.sweep", every=timedelta(minutes=1), catch_up=timedelta(minutes=5)),
    Schedule("notifications.prune", at=time(3, 40)),
]
