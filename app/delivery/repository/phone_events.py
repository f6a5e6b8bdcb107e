"""SQL of phones' events: each kept once, with the answer it got."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ACCEPT = text("""
INSERT INTO sync_events (deliverer_id, event_id, kind, device_at, clock_offset_ms, received_at,
                         content, answer)
SELECT :deliverer, e.id, e.kind, e.device_at, :clock_offset, :received_at, e.content, e.answer
FROM ROWS FROM (
         unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:device_times AS timestamptz[])),
         jsonb_array_elements(CAST(CAST(:contents AS text) AS jsonb)),
         jsonb_array_elements(CAST(CAST(:answers AS text) AS jsonb))
     ) AS e(id, kind, device_at, content, answer)
ORDER BY e.id
ON CONFLICT DO NOTHING
RETURNING event_id
""")

_STORED = text("""
SELECT event_id, content, answer FROM sync_events
WHERE deliverer_id = :deliverer AND event_id = ANY(CAST(:ids AS uuid[]))
""")

_STORE_ANSWERS = text("""
UPDATE sync_events s SET answer = e.answer
FROM ROWS FROM (
         unnest(CAST(:ids AS uuid[])),
         jsonb_array_elements(CAST(CAST(:answers AS text) AS jsonb))
     ) AS e(id, answer)
WHERE s.deliverer_id = :deliverer AND s.event_id = e.id
""")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be kept, with the answer it gets."""

    event_id: UUID
    kind: str
    device_at: datetime
    content: dict[str, Any]
    answer: dict[str, Any]


async def accept_events(
    session: AsyncSession,
    *,
    deliverer_id: UUID,
    clock_offset: int,
    received_at: datetime,
    events: Sequence[NewEvent],
) -> set[UUID]:
    """Keep the events that have not been kept before; answers their ids."""
    if not events:
        return set()
    fresh = await session.scalars(
        _ACCEPT,
        {
            "deliverer": deliverer_id,
            "clock_offset": clock_offset,
            "received_at": received_at,
            "ids": [event.event_id for event in events],
            "kinds": [event.kind for event in events],
            "device_times": [event.device_at for event in events],
            "contents": json.dumps([event.content for event in events]),
            "answers": json.dumps([event.answer for event in events]),
        },
    )
    return set(fresh)


async def read_events(
    session: AsyncSession, *, deliverer_id: UUID, event_ids: Collection[UUID]
) -> dict[UUID, tuple[dict[str, Any], dict[str, Any]]]:
    """Content and answer of events kept before."""
    if not event_ids:
        return {}
    rows = await session.execute(_STORED, {"deliverer": deliverer_id, "ids": list(event_ids)})
    return {row.event_id: (row.content, row.answer) for row in rows}


async def store_answers(
    session: AsyncSession, *, deliverer_id: UUID, answers: Mapping[UUID, dict[str, Any]]
) -> None:
    """Replace the answers of events of this transaction."""
    if answers:
        await session.execute(
            _STORE_ANSWERS,
            {
                "deliverer": deliverer_id,
                "ids": list(answers),
                "answers": json.dumps(list(answers.values())),
            },
        )
