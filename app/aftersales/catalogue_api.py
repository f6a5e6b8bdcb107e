"""JSON endpoints of the desk's set-up: teams and answer templates."""

from typing import Annotated

from fastapi import Path
from fastapi.responses import Response

from app.aftersales import catalogue, teams
from app.aftersales.catalogue import TemplateText
from app.aftersales.desk_schemas import (
    MembersIn,
    TeamsOut,
    TemplateIn,
    TemplateOut,
    TemplatePatch,
    TemplatesOut,
    present_teams,
    present_template,
    present_templates,
)
from app.aftersales.rights import Keeper, Watcher
from app.aftersales.states import Team, TemplatePurpose, TicketCategory
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.unit import Router
from app.identity.access import ClockDep

router = Router()

TemplateId = Annotated[str, Path(max_length=80)]


@router.get("/teams")
async def list_teams(_: Watcher, session: SessionDep) -> TeamsOut:
    """The teams of the desk, their members and how many tickets run with them."""
    found = await teams.list_teams(session)
    return present_teams(found.members, found.running)


@router.put("/teams/{team}/members")
async def set_members(_: Keeper, session: SessionDep, team: Team, body: MembersIn) -> TeamsOut:
    """Say who is in a team; the same said twice changes nothing."""
    await teams.set_members(session, team=team, logins=body.logins)
    found = await teams.list_teams(session)
    return present_teams(found.members, found.running)


@router.get("/answer-templates")
async def list_templates(
    _: Watcher,
    session: SessionDep,
    purpose: TemplatePurpose | None = None,
    category: TicketCategory | None = None,
    with_inactive: bool = False,
) -> TemplatesOut:
    """The catalogue of answers; a category also gets the texts that fit anything."""
    found = await catalogue.list_templates(
        session, purpose=purpose, category=category, with_inactive=with_inactive
    )
    return present_templates(found)


@router.post("/answer-templates", status_code=201, response_model=TemplateOut)
async def add_template(
    caller: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: TemplateIn
) -> Response:
    """Add a text; a placeholder nobody can fill in is refused."""
    template = await catalogue.add_template(
        session,
        written=TemplateText(**body.model_dump()),
        author_id=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, present_template(template))


@router.patch("/answer-templates/{template_id}")
async def change_template(
    caller: Keeper,
    session: SessionDep,
    clock: ClockDep,
    template_id: TemplateId,
    body: TemplatePatch,
) -> TemplateOut:
    """Change a text, or take it out of use; answers already sent keep their words."""
    template = await catalogue.change_template(
        session,
        template_id=read_single("tpl", template_id),
        changes=body.changes(),
        author_id=caller.account_id,
        now=clock.now(),
    )
    return present_template(template)
