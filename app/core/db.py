"""The database, and the one place that commits.

One request or one job is one transaction. A commit runs to its end even when the caller is
cancelled, so that nobody is told "failed" about something that was kept.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import ExceptionContext, event, text
from sqlalchemy.exc import (
    DBAPIError,
    EmulatedDBAPIException,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session as SyncSession
from sqlalchemy.util import greenlet_spawn

from app.core.config import DatabaseSettings
from app.core.errors import SetupError
from app.core.unit import at_end

OLDEST_SERVER = 180000
_DRIVER = "driver"
_BROKEN = asyncpg.InternalClientError
"""What the driver says between a server's last words and the end of its connection."""
_DRIVER_ERRORS = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, _BROKEN),
    EmulatedDBAPIException,
)
Session = AsyncSession


class Database:
    """Engine and sessions of one process."""

    def __init__(self, settings: DatabaseSettings, *, application: str = "suixinding") -> None:
        self.url = settings.require_url()
        self._application = application
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=settings.database_pool_timeout_seconds,
            pool_pre_ping=False,
            hide_parameters=True,
            connect_args={
                "command_timeout": settings.database_statement_timeout_ms / 1000 + 5,
                "server_settings": {
                    "application_name": application,
                    "statement_timeout": str(settings.database_statement_timeout_ms),
                    "lock_timeout": str(settings.database_lock_timeout_ms),
                    "idle_in_transaction_session_timeout": "60000",
                    "timezone": "UTC",
                },
            },
        )
        event.listen(self.engine.sync_engine, "handle_error", _note_broken)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits when the block ends, rolls back when it raises."""
        session = self.open_session()
        try:
            yield session
        except BaseException:
            await end_session(session, failed=True)
            raise
        else:
            await end_session(session, failed=False)

    def open_session(self) -> AsyncSession:
        """A session that whoever opens it ends by `end_session`."""
        return self._sessions()

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement is its own transaction."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def fetch_row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        """The first row of one statement that is its own transaction; otherwise as `fetch`."""
        try:
            pooled = await self.engine.raw_connection()
        except _DRIVER_ERRORS as error:
            raise _refused(query, error, is_lost=True) from error
        driver: asyncpg.Connection = pooled.driver_connection
        is_broken = False
        try:
            return await driver.fetchrow(query, *arguments)
        except _DRIVER_ERRORS as error:
            is_broken = _is_broken(error) or driver.is_closed()
            raise _refused(query, error, is_lost=is_broken) from error
        finally:
            # Nothing was begun, so giving it back waits for nothing; a lost one is not given back.
            await greenlet_spawn(pooled.invalidate if is_broken else pooled.close)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection in a transaction, for bulk loads."""
        async with self.engine.connect() as connection:
            try:
                yield connection
            except BaseException:
                await _to_the_end(connection.rollback())
                raise
            else:
                await _to_the_end(connection.commit())

    async def dial(self, *, patience_seconds: float) -> asyncpg.Connection:
        """A driver's connection outside the pool, to listen on; whoever asks closes it."""
        _, address = self.engine.dialect.create_connect_args(self.engine.url)
        return await asyncpg.connect(
            **address,
            timeout=patience_seconds,
            command_timeout=patience_seconds,
            server_settings={"application_name": self._application, "timezone": "UTC"},
        )

    async def dispose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


async def end_session(session: AsyncSession, *, failed: bool) -> None:
    """Commit, or roll back what failed, and close; to the end even if cancelled."""
    how = SyncSession.rollback if failed else SyncSession.commit
    await _to_the_end(greenlet_spawn(_end, session.sync_session, how))


def _end(session: SyncSession, how: Callable[[SyncSession], None]) -> None:
    try:
        how(session)
    finally:
        session.close()


async def _to_the_end(step: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(step)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


async def fetch(session: AsyncSession, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Rows of a query ($1, $2 …) in the session's transaction, asked of the driver itself.

    For the few statements that every order runs: it costs a quarter of the same statement through
    the session. Values come and go as the driver has them; what the session has not flushed is
    not seen. Raises DBAPIError, whose `orig` has the `sqlstate`.
    """
    driver: asyncpg.Connection = session.info.get(_DRIVER)
    try:
        if driver is None:
            driver, first = await session.run_sync(_begin_with, query, arguments)
            session.info[_DRIVER] = driver
            if first is not None:
                return first
        rows: list[asyncpg.Record] = await driver.fetch(query, *arguments)
    except _DRIVER_ERRORS as error:
        raise await _as_sqlalchemy(query, error, await session.connection()) from error
    return rows


def _begin_with(
    session: SyncSession, query: str, arguments: tuple[object, ...]
) -> tuple[asyncpg.Connection, list[asyncpg.Record] | None]:
    """The session's driver, and the rows where this statement begins the transaction."""
    pooled = session.connection().connection
    driver: asyncpg.Connection = pooled.driver_connection
    if driver.is_in_transaction():
        return driver, None
    # A cursor sends BEGIN first, and without that the session would not send COMMIT.
    cursor = pooled.cursor()
    try:
        cursor.execute(query, arguments)
        return driver, list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()


async def _driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    return (await connection.get_raw_connection()).driver_connection


def _is_broken(error: BaseException | None) -> bool:
    return isinstance(error, _BROKEN) or isinstance(getattr(error, "__cause__", None), _BROKEN)


def _note_broken(context: ExceptionContext) -> None:
    if _is_broken(context.original_exception):
        context.is_disconnect = True


async def _as_sqlalchemy(query: str, error: Exception, connection: AsyncConnection) -> DBAPIError:
    """The error as the session would raise it; a lost connection leaves the pool."""
    is_lost = connection.invalidated or _is_broken(error)
    is_lost = is_lost or (await _driver_of(connection)).is_closed()
    if is_lost and not connection.invalidated:
        await connection.invalidate(error)
    return _refused(query, error, is_lost=is_lost)


def _refused(query: str, error: Exception, *, is_lost: bool) -> DBAPIError:
    return DBAPIError(query, None, error, hide_parameters=True, connection_invalidated=is_lost)


async def request_session(request: Request) -> AsyncSession:
    """The request's transaction; committed before the answer is sent."""
    database: Database = request.app.state.database
    session = database.open_session()
    at_end(request, lambda failed: end_session(session, failed=failed))
    return session


SessionDep = Annotated[AsyncSession, Depends(request_session)]


async def check_server(database: Database) -> None:
    """Raise SetupError unless the server is reachable, 18 or newer, and has btree_gist."""
    try:
        async with database.engine.connect() as connection:
            version = int(await connection.scalar(text("SHOW server_version_num")) or 0)
            if version < OLDEST_SERVER:
                raise SetupError(
                    f"The PostgreSQL server is version {version // 10000}; 18 or newer is needed: "
                    "upgrade it or unset DATABASE_URL to use the embedded one."
                )
            found = await connection.scalar(
                text("SELECT count(*) FROM pg_available_extensions WHERE name = 'btree_gist'")
            )
    except (
        OSError,
        TimeoutError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        DBAPIError,
        OperationalError,
        InterfaceError,
    ) as error:
        shown = database.engine.url.render_as_string(hide_password=True)
        raise SetupError(
            f"The PostgreSQL server at {shown} cannot be reached ({_first_line(error)}): "
            "start it or correct DATABASE_URL."
        ) from error
    if not found:
        raise SetupError(
            "The PostgreSQL server has no extension btree_gist: install its contrib package "
            "(Debian: postgresql-contrib)."
        )


def _first_line(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return (str(origin).splitlines() or [type(origin).__name__])[0][:200]
