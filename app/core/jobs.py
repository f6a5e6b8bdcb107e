"""Background jobs on PostgreSQL: enqueue in the session's transaction, run, hold, requeue.

The queue is a wake-up; the domain table is the truth. A job may run more than once: its effect in
the database is guarded by the domain's own state or by `first_time`. Payloads carry ids, never
personal data.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.executors import DatabaseRetryEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import JobId
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Local
from app.core.clock import BusinessClock, wall_now
from app.core.db import Database

log = structlog.get_logger()

Payload = dict[str, Any]
MAX_PICKS = 3
"""A job picked more often without an end has killed its worker: it is held."""
HEARTBEAT = timedelta(seconds=30)
DEQUEUE = timedelta(seconds=5)


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
    """One kind of job: `domain.verb_noun`, its handler, and how often it is tried."""

    name: str
    handler: Handler
    max_attempts: int = 8
    concurrency: int = 0


class _SessionDriver:
    """Lets pgqueuer write through the session, inside its transaction (never around it)."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, args)
        return [dict(row) for row in result.mappings()]

    async def execute(self, query: str, *args: object) -> str:
        connection = await self._session.connection()
        return str((await connection.exec_driver_sql(query, args)).rowcount)


def _queries(session: AsyncSession) -> Queries:
    return Queries(_SessionDriver(session))  # type: ignore[arg-type]  # two methods are enough here


async def enqueue(
    session: AsyncSession,
    name: str,
    payload: Payload,
    *,
    dedupe_key: str | None = None,
    after: timedelta | None = None,
) -> None:
    """Add a job in the session's transaction; an equal `dedupe_key` still waiting adds nothing."""
    await enqueue_many(session, name, [payload], dedupe_keys=[dedupe_key], after=after)


async def enqueue_many(
    session: AsyncSession,
    name: str,
    payloads: Sequence[Payload],
    *,
    dedupe_keys: Sequence[str | None] | None = None,
    after: timedelta | None = None,
) -> None:
    """Add jobs of one kind in one statement."""
    if not payloads:
        return
    count = len(payloads)
    await _queries(session).enqueue(
        [name] * count,
        [json.dumps(payload).encode() for payload in payloads],
        [0] * count,
        execute_after=[after] * count,
        dedupe_key=list(dedupe_keys) if dedupe_keys is not None else [None] * count,
        on_conflict="skip",
    )


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
            " (SELECT l.traceback ->> 'exception_message' FROM pgqueuer_log l"
            "   WHERE l.job_id = q.id AND l.traceback IS NOT NULL"
            "   ORDER BY l.created DESC LIMIT 1) AS reason"
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
    """Put a held job back in the queue; false when it is not held."""
    found = await session.scalar(
        text("SELECT id FROM pgqueuer WHERE id = :id AND status = 'failed' FOR UPDATE"),
        {"id": job_id},
    )
    if found is None:
        return False
    await session.execute(text("DELETE FROM pgqueuer_log WHERE job_id = :id"), {"id": job_id})
    await _queries(session).requeue_jobs([JobId(job_id)])
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
    """The job has been picked too often without an end."""


class JobRunner:
    """Runs jobs until told to stop, or until its database connection breaks (then it raises)."""

    def __init__(self, context: JobContext, specs: Sequence[JobSpec], *, dsn: str) -> None:
        self._context = context
        self._specs = specs
        self._dsn = dsn.replace("+asyncpg", "")
        self._queuer: PgQueuer | None = None

    async def run(self) -> None:
        """Work until `stop`."""
        async with asyncpg.create_pool(
            self._dsn, min_size=2, max_size=4, command_timeout=10
        ) as pool:
            self._queuer = queuer = PgQueuer.from_asyncpg_pool(pool)
            for spec in self._specs:
                self._register(queuer, spec, pool)
            await queuer.run(
                dequeue_timeout=DEQUEUE,
                heartbeat_timeout=HEARTBEAT,
                shutdown_on_listener_failure=True,
                batch_size=10,
            )

    def stop(self) -> None:
        """Finish what is running and return from `run`."""
        if self._queuer is not None:
            self._queuer.shutdown.set()

    def _register(self, queuer: PgQueuer, spec: JobSpec, pool: Any) -> None:
        def executor(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
            return DatabaseRetryEntrypointExecutor(parameters, max_attempts=spec.max_attempts)

        async def run_job(job: Job) -> None:
            await self._run_one(spec, job, pool)

        queuer.entrypoint(
            spec.name,
            on_failure="hold",
            executor_factory=executor,
            concurrency_limit=spec.concurrency,
        )(run_job)

    async def _run_one(self, spec: JobSpec, job: Job, pool: Any) -> None:
        picks = await pool.fetchval(
            "SELECT count(*) FROM pgqueuer_log WHERE job_id = $1 AND status = 'picked'"
            " AND id > coalesce((SELECT max(id) FROM pgqueuer_log"
            "  WHERE job_id = $1 AND status = 'queued' AND traceback IS NOT NULL), 0)",
            job.id,
        )
        if picks > MAX_PICKS:
            await pool.execute(
                "UPDATE pgqueuer SET attempts = $2 WHERE id = $1", job.id, spec.max_attempts
            )
            job.attempts = spec.max_attempts
            raise PoisonJob(f"picked {picks} times without an end")
        structlog.contextvars.bind_contextvars(job=spec.name, job_id=int(job.id))
        try:
            await spec.handler(self._context, json.loads(job.payload or b"{}"))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("job.failed", error=repr(error)[:500], attempts=job.attempts)
            raise
        finally:
            structlog.contextvars.unbind_contextvars("job", "job_id")
