"""JSON endpoint that shows a link; what it does is the endpoint of its purpose."""

from fastapi import Response

from app.core.db import SessionDep
from app.core.events import publish
from app.core.unit import Router
from app.identity.access import OPEN
from app.links import service
from app.links.access import Token
from app.links.events import LinkShown
from app.links.schemas import LinkOut

router = Router(tags=["links"])


@router.get("/links/{token}", dependencies=[OPEN])
async def show_link(token: Token, session: SessionDep, response: Response) -> LinkOut:
    """What the holder is asked. Nothing changes: scanners of messages open links too."""
    link = await service.read_link(session, token)
    shown = LinkShown(
        purpose=link.purpose,
        customer_id=link.customer_id,
        subject_id=link.subject_id,
        round=link.round,
    )
    await publish(session, shown)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return LinkOut(
        purpose=link.purpose,
        expires_at=link.expires_at,
        used_for=link.used_for,
        about=shown.about,
    )
