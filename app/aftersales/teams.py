"""Who is in which team of the desk (S2 售后服务组织架构)."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.errors import AssigneeUnknown
from app.aftersales.handling import DESK
from app.aftersales.repository import staff
from app.aftersales.repository.staff import StaffName
from app.aftersales.states import Team


@dataclass(frozen=True, slots=True)
class Teams:
    """Members who still work here, and running tickets, of every team."""

    members: list[tuple[Team, StaffName]]
    running: dict[Team | None, int]


async def list_teams(session: AsyncSession) -> Teams:
    """The teams as they are now."""
    return Teams(
        members=await staff.list_teams(session),
        running=await staff.count_running_by_team(session),
    )


async def set_members(session: AsyncSession, *, team: Team, logins: Collection[str]) -> None:
    """Let a team consist of these members of the desk; tickets they have stay with them.

    Raises AssigneeUnknown naming the first login nobody of the desk has.
    """
    wanted = sorted(set(logins))
    found = await staff.list_desk_members(session, logins=wanted, roles=DESK)
    for login in wanted:
        if login not in found:
            raise AssigneeUnknown(login=login)
    await staff.replace_team(session, team, set(found.values()))
