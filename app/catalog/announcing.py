"""News for households: promotions ahead of their day, new products, changes (S1 4.1.2)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.models import Announcement, AnnouncementKind
from app.catalog.service import period_of
from app.core.ids import new_id


async def list_announcements(
    session: AsyncSession, *, on: date | None, limit: int, before: tuple[date, UUID] | None = None
) -> list[Announcement]:
    """News that stands on a day, or all of it where `on` is None; the latest first."""
    return await repository.list_announcements(session, on=on, limit=limit, before=before)


async def add_announcement(
    session: AsyncSession,
    *,
    kind: AnnouncementKind,
    title: str,
    body: str,
    from_date: date,
    to_date: date | None,
    now: datetime,
) -> Announcement:
    """Publish news over days, the last one included; raises PeriodInvalid."""
    announcement = Announcement(
        id=new_id(),
        kind=kind,
        title=title,
        body=body,
        valid=period_of(from_date, to_date),
        created_at=now,
    )
    session.add(announcement)
    await session.flush()
    return announcement


async def change_announcement(
    session: AsyncSession, *, announcement_id: UUID, changes: dict[str, Any]
) -> Announcement:
    """Mend the words, or name the last day; raises AnnouncementUnknown, PeriodInvalid."""
    announcement = await repository.lock_announcement(session, announcement_id)
    to_date: date | None = changes.pop("to_date", None)
    for field, value in changes.items():
        setattr(announcement, field, value)
    first = announcement.valid.lower
    if to_date is not None and first is not None:
        announcement.valid = period_of(first, to_date)
    await session.flush()
    return announcement
