"""Who holds a link: the caller of endpoints that are open to its holder."""

from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request

from app.core.db import Database
from app.links import service
from app.links.states import LinkPurpose

Token = Annotated[str, Path(min_length=20, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]


@dataclass(frozen=True, slots=True)
class Holder:
    """A caller who knows a link's token; repeated requests are told apart by its subject."""

    token: str = field(repr=False)
    customer_id: UUID
    subject_id: UUID


async def hold_link(request: Request, token: str, *, purpose: LinkPurpose) -> Holder:
    """The holder of a link of a purpose; raises LinkUnknown, LinkExpired."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        link = await service.read_link(session, token, purpose=purpose)
        holder = Holder(token, link.customer_id, link.subject_id)
    request.state.caller_id = holder.subject_id
    return holder
