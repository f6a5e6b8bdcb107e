"""JSON endpoints of news: anyone reads what stands today, administrators keep it."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Response

from app.catalog import announcing
from app.catalog.models import Announcement
from app.catalog.price_api import dated_page
from app.catalog.schemas import AnnouncementChange, AnnouncementIn, AnnouncementOut
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageDep
from app.core.unit import Router
from app.identity.access import OPEN, Allow, ClockDep, Principal
from app.identity.models import Role

router = Router()
Keeper = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]


def _out(announcement: Announcement) -> AnnouncementOut:
    last = announcement.valid.upper
    return AnnouncementOut(
        id=public_single("ann", announcement.id),
        kind=announcement.kind,
        title=announcement.title,
        body=announcement.body,
        from_date=announcement.valid.lower,
        to_date=None if last is None else last - timedelta(days=1),
    )


@router.get("/announcements", dependencies=[OPEN])
async def list_announcements(
    session: SessionDep, clock: ClockDep, page: PageDep
) -> Page[AnnouncementOut]:
    """News that stands today, the latest first."""
    found = await announcing.list_announcements(
        session, on=clock.today(), limit=page.limit + 1, before=page.after_date()
    )
    return dated_page(found, page, _out)


@router.get("/catalog/announcements")
async def list_all_announcements(
    _: Keeper, session: SessionDep, page: PageDep
) -> Page[AnnouncementOut]:
    """All news, past and coming too."""
    found = await announcing.list_announcements(
        session, on=None, limit=page.limit + 1, before=page.after_date()
    )
    return dated_page(found, page, _out)


@router.post("/announcements", status_code=201, response_model=AnnouncementOut)
async def add_announcement(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: AnnouncementIn
) -> Response:
    """Publish news from a day on."""
    made = await announcing.add_announcement(session, **body.model_dump(), now=clock.now())
    return await call.remember(session, 201, _out(made))


@router.patch("/announcements/{announcement}")
async def change_announcement(
    announcement: str, _: Keeper, session: SessionDep, body: AnnouncementChange
) -> AnnouncementOut:
    """Mend the words, or name the last day."""
    changed = await announcing.change_announcement(
        session,
        announcement_id=read_single("ann", announcement),
        changes=body.model_dump(exclude_none=True),
    )
    return _out(changed)
