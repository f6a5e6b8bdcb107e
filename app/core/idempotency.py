"""`Idempotency-Key` on every POST that creates or moves money.

Same key and body: the stored answer. Same key, other body: 422. Still running: 409. Missing: 400.
The key is scoped to the caller. The answer is stored in the effect's own transaction; a request
that was killed frees its key when its lease ends. A slow request whose key was taken over by another
one in the meantime cannot store its answer, and so its effect is rolled back.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import LargeBinary, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Registry
from app.core.clock import wall_now
from app.core.db import Database, fetch
from app.core.errors import Conflict, InvalidInput, NotAuthenticated, Unprocessable
from app.core.unit import at_end

LEASE = timedelta(seconds=30)
KEEP = timedelta(days=3)
_KEY = re.compile(r"[\x21-\x7e]{8,100}")


class IdempotencyKeyMissing(InvalidInput):
    """The header is absent or malformed."""

    code = "idempotency_key_missing"
    title = "缺少请求编号（Idempotency-Key）"


class IdempotencyKeyReused(Unprocessable):
    """The key was used with another body."""

    code = "idempotency_key_reused"
    title = "请求编号已用于另一个请求"


class StillRunning(Conflict):
    """The first request with this key has not finished."""

    code = "still_running"
    title = "同一请求正在处理，请稍候"


class StoredAnswer(Exception):
    """The request was answered before; carries that answer to the HTTP edge."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__("answered before")
        self.status = status
        self.body = body


class IdempotencyKey(Registry):
    """One request that must have one effect."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    started_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


_CLAIM: Final = """
INSERT INTO idempotency_keys (caller, key, fingerprint, started_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING key
"""
_OWN: Final = "WHERE caller = $1 AND key = $2 AND started_at = $3 AND status IS NULL"
_STORE: Final = f"UPDATE idempotency_keys SET status = $4, body = $5 {_OWN} RETURNING key"
_FREE: Final = f"DELETE FROM idempotency_keys {_OWN}"


@dataclass(frozen=True)
class IdempotentCall:
    """A request that holds its key; `remember` stores the answer with the effect."""

    caller: str
    key: str
    claimed_at: datetime

    @property
    def name(self) -> str:
        """The same for every try of this request, and for no other: names what it makes."""
        return f"{self.caller} {self.key}"

    async def remember(self, session: AsyncSession, status: int, answer: BaseModel) -> Response:
        """Store the answer in the effect's transaction and build it; raises StillRunning."""
        body = answer.model_dump_json().encode()
        if not await fetch(session, _STORE, *self._stored(status, body)):
            raise StillRunning
        return _as_response(status, body)

    async def remember_alone(self, database: Database, status: int, answer: BaseModel) -> Response:
        """Store an answer whose effects are committed already, as `remember` does."""
        body = answer.model_dump_json().encode()
        if await database.fetch_row(_STORE, *self._stored(status, body)) is None:
            raise StillRunning
        return _as_response(status, body)

    def _stored(self, status: int, body: bytes) -> tuple[object, ...]:
        return (self.caller, self.key, self.claimed_at, status, body)


def _as_response(status: int, body: bytes) -> Response:
    return Response(body, status_code=status, media_type="application/json")


async def claim_key(
    database: Database, *, caller: str, key: str, fingerprint: bytes
) -> IdempotentCall:
    """Take the key, or raise StoredAnswer, StillRunning or IdempotencyKeyReused."""
    now = wall_now()
    call = IdempotentCall(caller=caller, key=key, claimed_at=now)
    if await database.fetch_row(_CLAIM, caller, key, fingerprint, now) is not None:
        return call
    async with database.transaction() as session:
        known = select(IdempotencyKey).where(
            IdempotencyKey.caller == caller, IdempotencyKey.key == key
        )
        row = await session.scalar(known)
        if row is None or row.status is None:
            row = await session.scalar(
                known.with_for_update(skip_locked=True).execution_options(populate_existing=True)
            )
        if row is None:  # gone, or its answer is just being stored
            raise StillRunning
        if row.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        if row.status is not None and row.body is not None:
            raise StoredAnswer(row.status, row.body)
        if row.started_at + LEASE > now:
            raise StillRunning
        row.started_at = now
    return call


async def free_key(database: Database, call: IdempotentCall) -> None:
    """Let a failed request be tried again under the same key."""
    async with database.transaction() as session:
        await fetch(session, _FREE, call.caller, call.key, call.claimed_at)


async def prune_keys(session: AsyncSession) -> None:
    """Forget keys older than KEEP."""
    await session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.started_at < wall_now() - KEEP)
    )


def fingerprint_of(method: str, path: str, body: bytes) -> bytes:
    """What must be equal for a repeated key."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).digest()


async def idempotent_call(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(json_schema_extra={"minLength": 8, "maxLength": 100})
    ] = None,
) -> IdempotentCall:
    """Claim the request's key for its caller; freed when the request fails."""
    if idempotency_key is None or not _KEY.fullmatch(idempotency_key):
        raise IdempotencyKeyMissing("8 to 100 visible ASCII characters")
    caller: UUID | None = getattr(request.state, "caller_id", None)
    if caller is None:
        raise NotAuthenticated
    database: Database = request.app.state.database
    fingerprint = fingerprint_of(request.method, request.url.path, await request.body())
    call = await claim_key(
        database, caller=str(caller), key=idempotency_key, fingerprint=fingerprint
    )

    async def free_if_failed(failed: bool) -> None:
        if failed:
            await free_key(database, call)

    at_end(request, free_if_failed)
    return call


IdempotentDep = Annotated[IdempotentCall, Depends(idempotent_call)]
