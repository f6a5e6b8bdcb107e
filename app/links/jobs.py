"""Background jobs of links."""

from datetime import time

import structlog

from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.links import service

log = structlog.get_logger()


async def prune(context: JobContext, _: Payload) -> None:
    """Forget what ended long ago."""
    async with context.database.transaction() as session:
        pruned = await service.prune_links(session)
    if pruned:
        log.info("links.pruned", links=pruned)


JOBS: list[JobSpec] = [JobSpec("links.prune", prune)]
SCHEDULES: list[Schedule] = [Schedule("links.prune", at=time(3, 40))]
