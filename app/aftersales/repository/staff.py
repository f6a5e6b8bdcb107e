"""Who works on tickets, and in which team."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, any_, delete, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import TeamMember, Ticket
from app.aftersales.states import RUNNING, Team
from app.identity.models import Role, StaffAccount


@dataclass(frozen=True, slots=True)
class StaffName:
    """A member of staff as colleagues see him."""

    account_id: UUID
    login: str
    display_name: str


def _works_as(roles: Collection[Role]) -> ColumnElement[bool]:
    return or_(*(literal(role.value) == any_(StaffAccount.roles) for role in roles))


async def find_desk_member(
    session: AsyncSession, *, login: str, roles: Collection[Role]
) -> UUID | None:
    """The active member of staff with this login and one of these roles."""
    member: UUID | None = await session.scalar(
        select(StaffAccount.id).where(
            StaffAccount.login == login, StaffAccount.is_active, _works_as(roles)
        )
    )
    return member


async def list_desk_members(
    session: AsyncSession, *, logins: Collection[str], roles: Collection[Role]
) -> dict[str, UUID]:
    """The same for several: account by login."""
    rows = await session.execute(
        select(StaffAccount.login, StaffAccount.id).where(
            StaffAccount.login.in_(logins), StaffAccount.is_active, _works_as(roles)
        )
    )
    return {row.login: row.id for row in rows}


async def read_names(session: AsyncSession, account_ids: Collection[UUID]) -> dict[UUID, StaffName]:
    """Logins and names of members of staff."""
    if not account_ids:
        return {}
    rows = await session.execute(
        select(StaffAccount.id, StaffAccount.login, StaffAccount.display_name).where(
            StaffAccount.id.in_(account_ids)
        )
    )
    return {row.id: StaffName(row.id, row.login, row.display_name) for row in rows}


async def list_team(session: AsyncSession, team: Team) -> set[UUID]:
    """Accounts in a team."""
    return set(await session.scalars(select(TeamMember.account_id).where(TeamMember.team == team)))


async def list_teams(session: AsyncSession) -> list[tuple[Team, StaffName]]:
    """Members of every team who still work here, by login."""
    rows = await session.execute(
        select(TeamMember.team, StaffAccount.id, StaffAccount.login, StaffAccount.display_name)
        .join(StaffAccount, StaffAccount.id == TeamMember.account_id)
        .where(StaffAccount.is_active)
        .order_by(StaffAccount.login)
    )
    return [(row.team, StaffName(row.id, row.login, row.display_name)) for row in rows]


async def count_running_by_team(session: AsyncSession) -> dict[Team | None, int]:
    """Running tickets of each team."""
    rows = await session.execute(
        select(Ticket.team, func.count()).where(Ticket.status.in_(RUNNING)).group_by(Ticket.team)
    )
    return {row[0]: row[1] for row in rows}


async def replace_team(session: AsyncSession, team: Team, account_ids: Collection[UUID]) -> None:
    """Let a team consist of these accounts."""
    await session.execute(delete(TeamMember).where(TeamMember.team == team))
    if account_ids:
        rows = [{"team": team, "account_id": one} for one in sorted(account_ids)]
        await session.execute(insert(TeamMember), rows)
