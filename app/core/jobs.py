"""Background jobs on PostgreSQL: run, hold, requeue. `core.enqueueing` puts them into the queue.

The queue is a wake-up; the domain table is the truth. A job may run more than once: its effect in
the database is guarded by the domain's own state or by `first_time`. Payloads carry ids, never
personal data.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog
from pgqueuer.errors import RetryRequested
from pgqueuer.executors import DatabaseRetryEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.models import Job
from pgqueuer.ports.driver import Driver
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.types import JobId
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.alerts import raise_alert, resolve_alert
from app.core.base import Local
from app.core.clock import BusinessClock, wall_now
from app.core.db import Database, fetch
from app.core.enqueueing import Payload

log = structlog.get_logger()

MAX_DEATHS_ALONE = 3
"""A job whose worker has died is run alone, apart from those that died with it; when its worker
dies so three times more, it is held."""
HEARTBEAT = timedelta(seconds=30)
POLL = timedelta(seconds=5)
PATIENCE_SECONDS = 10.0
"""How long the queue's own statements may take; longer means a lost or frozen database."""
AT_ONCE = 30
"""Jobs a worker runs side by side: more than it has connections, as outside calls hold none."""
HELD_ALERT = "job_held"


class OnceKey(Local):
    """Marks an effect as done, in the effect's own transaction."""

    __tablename__ = "once_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    done_at: Mapped[datetime]


@dataclass(frozen=True)
class JobContext:
    """What a handler may use: it opens its own transactions."""

    database: Database
    clock: BusinessClock
    resources: Mapping[str, Any] = field(default_factory=dict)


Handler = Callable[[JobContext, Payload], Awaitable[None]]


@dataclass(frozen=True)
class JobSpec:
    """One kind of job: `domain.verb_noun`, its handler, how often it is tried, how many at once."""

    name: str
    handler: Handler
    max_attempts: int = 8
    concurrency: int = 0


class _SessionDriver:
    """Lets pgqueuer write through the session, inside its transaction (never around it)."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return [dict(row) for row in await fetch(self._session, query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        connection = await self._session.connection()
        return str((await connection.exec_driver_sql(query, args)).rowcount)


def _queries(session: AsyncSession) -> Queries:
    return Queries(_SessionDriver(session))  # type: ignore[arg-type]  # two methods are enough here


async def first_time(session: AsyncSession, key: str) -> bool:
    """Claim an effect: true exactly once per key, decided when this transaction commits."""
    claimed = await session.execute(
        insert(OnceKey)
        .values(key=key, done_at=wall_now())
        .on_conflict_do_nothing()
        .returning(OnceKey.key)
    )
    return claimed.scalar() is not None


@dataclass(frozen=True)
class HeldJob:
    """A job that failed for good and waits for a person."""

    id: int
    name: str
    payload: Payload
    attempts: int
    created_at: datetime
    reason: str | None


async def list_held(session: AsyncSession, *, limit: int = 100) -> list[HeldJob]:
    """Held jobs, newest first, with the last error."""
    rows = await session.execute(
        text(
            "SELECT q.id, q.entrypoint, q.payload, q.attempts, q.created,"
            " (SELECT concat_ws(': ', l.traceback ->> 'exception_type',"
            "                         nullif(l.traceback ->> 'exception_message', ''))"
            "   FROM pgqueuer_log l WHERE l.job_id = q.id AND l.traceback IS NOT NULL"
            "   ORDER BY l.id DESC LIMIT 1) AS reason"
            " FROM pgqueuer q WHERE q.status = 'failed' ORDER BY q.id DESC LIMIT :limit"
        ),
        {"limit": limit},
    )
    return [
        HeldJob(
            id=row.id,
            name=row.entrypoint,
            payload=json.loads(row.payload or b"{}"),
            attempts=row.attempts,
            created_at=row.created,
            reason=row.reason,
        )
        for row in rows
    ]


async def requeue_held(session: AsyncSession, job_id: int) -> bool:
    """Put a held job back in the queue, as if it were new; false when it is not held."""
    name = await session.scalar(
        text("SELECT entrypoint FROM pgqueuer WHERE id = :id AND status = 'failed' FOR UPDATE"),
        {"id": job_id},
    )
    if name is None:
        return False
    await session.execute(text("DELETE FROM pgqueuer_log WHERE job_id = :id"), {"id": job_id})
    await _queries(session).requeue_jobs([JobId(job_id)])
    others = text("SELECT count(*) FROM pgqueuer WHERE status = 'failed' AND entrypoint = :name")
    if not await session.scalar(others, {"name": name}):
        await resolve_alert(session, HELD_ALERT, name)
    return True


async def oldest_due_age_seconds(session: AsyncSession) -> float:
    """Seconds the oldest due job has been waiting; 0 when none waits."""
    age = await session.scalar(
        text(
            "SELECT extract(epoch FROM clock_timestamp() - min(execute_after))::float8"
            " FROM pgqueuer WHERE status = 'queued' AND execute_after <= clock_timestamp()"
        )
    )
    return max(0.0, age or 0.0)


async def count_held(session: AsyncSession) -> int:
    """How many jobs wait for a person."""
    return int(
        await session.scalar(text("SELECT count(*) FROM pgqueuer WHERE status = 'failed'")) or 0
    )


async def prune_log(session: AsyncSession, *, older_than: timedelta) -> None:
    """Drop the queue's own log and old once-keys; nobody else does."""
    before = wall_now() - older_than
    await session.execute(
        text(
            "DELETE FROM pgqueuer_log WHERE created < :before"
            " AND job_id NOT IN (SELECT id FROM pgqueuer)"
        ),
        {"before": before},
    )
    await session.execute(text("DELETE FROM once_keys WHERE done_at < :before"), {"before": before})


class PoisonJob(Exception):
    """The job takes its worker along."""


class QueueLost(Exception):
    """The queue's database connection broke or froze."""


class JobRunner:
    """Runs jobs until told to stop, or until its database breaks or freezes: then it raises.

    What runs then goes back to the queue, at once or when its heartbeat is missed.
    """

    def __init__(
        self,
        context: JobContext,
        specs: Sequence[JobSpec],
        *,
        heartbeat: timedelta = HEARTBEAT,
        poll: timedelta = POLL,
        first_delay: timedelta = timedelta(seconds=1),
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._context = context
        self._specs = specs
        self._heartbeat = heartbeat
        self._poll = poll
        self._first_delay = first_delay
        self._patience = patience_seconds
        self._stop = asyncio.Event()
        self._alone = asyncio.Lock()

    async def run(self) -> None:
        """Work until `stop`; raises QueueLost, or what the driver says, when the database is lost."""
        connection = await self._context.database.dial(patience_seconds=self._patience)
        log.info("jobs.running", kinds=len(self._specs))
        manager = QueueManager(Queries.from_asyncpg_connection(connection))
        manager.shutdown = self._stop
        for spec in self._specs:
            self._register(manager, spec)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        watch = asyncio.create_task(self._watch(manager.queries.driver, lost))
        work = asyncio.create_task(
            manager.run(
                dequeue_timeout=self._poll,
                heartbeat_timeout=self._heartbeat,
                shutdown_on_listener_failure=True,
                batch_size=10,
                max_concurrent_tasks=AT_ONCE,
                log_aggregation_interval=timedelta(0),
            )
        )
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise QueueLost from watch.exception()
            work.result()
        finally:
            watch.cancel()
            await _end(work, grace_seconds=self._patience / 2)
            with suppress(TimeoutError, OSError, asyncpg.InterfaceError):
                await connection.close(timeout=1)

    def stop(self) -> None:
        """Finish what is running and return from `run`, even when it has not begun."""
        self._stop.set()

    async def _watch(self, driver: Driver, lost: asyncio.Event) -> None:
        while not lost.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(lost.wait(), self._poll.total_seconds())
            await driver.fetch("SELECT 1")

    def _register(self, manager: QueueManager, spec: JobSpec) -> None:
        def executor(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
            return DatabaseRetryEntrypointExecutor(
                parameters, max_attempts=spec.max_attempts - 1, initial_delay=self._first_delay
            )

        async def run_job(job: Job) -> None:
            await self._run_one(spec, job, manager.queries.driver)

        manager.entrypoint(
            spec.name,
            on_failure="hold",
            executor_factory=executor,
            concurrency_limit=spec.concurrency,
        )(run_job)

    async def _run_one(self, spec: JobSpec, job: Job, driver: Driver) -> None:
        structlog.contextvars.bind_contextvars(job=spec.name, job_id=int(job.id))
        payload = json.loads(job.payload or b"{}")
        try:
            if job.updated - job.created > self._heartbeat and await _lost_its_worker(job, driver):
                async with self._alone, _watched_alone(spec, job, driver):
                    await spec.handler(self._context, payload)
            else:
                await spec.handler(self._context, payload)
        except asyncio.CancelledError:
            # Left to itself, the queue would delete a cancelled job.
            raise RetryRequested(reason="the worker was stopped") from None
        except Exception as error:
            held = job.attempts >= spec.max_attempts - 1
            log.warning("job.failed", error=repr(error)[:500], attempts=job.attempts, held=held)
            if held:
                await self._tell_held(spec)
            raise

    async def _tell_held(self, spec: JobSpec) -> None:
        with suppress(SQLAlchemyError, OSError):
            async with self._context.database.transaction() as session:
                await raise_alert(session, HELD_ALERT, spec.name)


_PICKS_SINCE_LAST_RETRY = (
    " FROM pgqueuer_log WHERE job_id = $1 AND status = 'picked'"
    " AND id > coalesce((SELECT max(id) FROM pgqueuer_log"
    "  WHERE job_id = $1 AND status = 'queued' AND traceback IS NOT NULL), 0)"
)


async def _lost_its_worker(job: Job, driver: Driver) -> bool:
    # A pick without an end follows a killed worker; one that failed left its traceback.
    (row,) = await driver.fetch(
        "SELECT count(*) > 1 AS before" + _PICKS_SINCE_LAST_RETRY + " AND traceback IS NULL", job.id
    )
    return bool(row["before"])


@asynccontextmanager
async def _watched_alone(spec: JobSpec, job: Job, driver: Driver) -> AsyncIterator[None]:
    (row,) = await driver.fetch(
        "SELECT count(*) AS deaths" + _PICKS_SINCE_LAST_RETRY + " AND traceback IS NOT NULL", job.id
    )
    if int(str(row["deaths"])) >= MAX_DEATHS_ALONE:
        job.attempts = spec.max_attempts
        raise PoisonJob(f"its worker died {row['deaths']} times while it ran alone")
    await driver.execute(
        "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
        " VALUES ($1, 'picked', $2, $3, '{\"alone\": true}')",
        *(job.id, job.priority, job.entrypoint),
    )
    try:
        yield
    finally:
        await driver.execute(
            "DELETE FROM pgqueuer_log WHERE job_id = $1 AND traceback ? 'alone'", job.id
        )


async def _end(work: asyncio.Task[None], *, grace_seconds: float) -> None:
    # The first cancel lets running jobs finish, the second sends them back to the queue.
    for _ in range(2):
        if not work.done():
            work.cancel()
            await asyncio.wait({work}, timeout=grace_seconds)
    if work.done() and not work.cancelled():
        work.exception()
