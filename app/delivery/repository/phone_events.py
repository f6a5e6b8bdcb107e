"""SQL of phones' events: each kept once, with the answer it got."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch


class PhoneEvent(Protocol):
    """What is kept of every kind of event; `content` names no person."""

    @property
    def event_id(self) -> UUID:
        """Made on the phone."""

    @property
    def kind(self) -> str:
        """As the phone names it."""

    @property
    def device_at(self) -> datetime:
        """By the phone's clock."""

    @property
    def content(self) -> dict[str, Any]:
        """What was said."""


_ACCEPT = """
INSERT INTO sync_events (deliverer_id, event_id, kind, device_at, clock_offset_ms, received_at,
                         content, answer)
SELECT $1, e.id, e.kind, e.device_at, $2, $3, e.content,
       coalesce(nullif(e.answer, 'null'), '{"status": "accepted"}')
FROM ROWS FROM (
         unnest($4::uuid[], $5::text[], $6::timestamptz[]),
         jsonb_array_elements($7::jsonb), jsonb_array_elements($8::jsonb)
     ) AS e(id, kind, device_at, content, answer)
ORDER BY e.id
ON CONFLICT DO NOTHING
RETURNING event_id
"""

_STORED = """
SELECT event_id, content::text, answer::text FROM sync_events
WHERE deliverer_id = $1 AND event_id = ANY($2::uuid[])
"""

_STORE_ANSWERS = """
UPDATE sync_events s SET answer = e.answer
FROM ROWS FROM (unnest($2::uuid[]), jsonb_array_elements($3::jsonb)) AS e(id, answer)
WHERE s.deliverer_id = $1 AND s.event_id = e.id
"""


async def accept_events(
    session: AsyncSession,
    *,
    deliverer_id: UUID,
    clock_offset: int,
    received_at: datetime,
    events: Sequence[PhoneEvent],
    answers: Sequence[dict[str, Any] | None],
) -> set[UUID]:
    """Keep the events that have not been kept before; answers their ids.

    An answer of None says that the event is simply accepted.
    """
    if not events:
        return set()
    fresh = await fetch(
        session,
        _ACCEPT,
        deliverer_id,
        clock_offset,
        received_at,
        [event.event_id for event in events],
        [event.kind for event in events],
        [event.device_at for event in events],
        to_json([event.content for event in events]).decode(),
        to_json(answers).decode(),
    )
    return {row["event_id"] for row in fresh}


async def read_events(
    session: AsyncSession, *, deliverer_id: UUID, event_ids: Collection[UUID]
) -> dict[UUID, tuple[dict[str, Any], dict[str, Any]]]:
    """Content and answer of events kept before."""
    if not event_ids:
        return {}
    rows = await fetch(session, _STORED, deliverer_id, list(event_ids))
    return {
        row["event_id"]: (json.loads(row["content"]), json.loads(row["answer"])) for row in rows
    }


async def store_answers(
    session: AsyncSession, *, deliverer_id: UUID, answers: Mapping[UUID, dict[str, Any]]
) -> None:
    """Replace the answers of events of this transaction."""
    if answers:
        kept = json.dumps(list(answers.values()))
        await fetch(session, _STORE_ANSWERS, deliverer_id, list(answers), kept)
