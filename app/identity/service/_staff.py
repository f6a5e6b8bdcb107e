"""Administration of staff: who works here, in which roles, for which station."""

from collections.abc import Collection
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.identity import repository
from app.identity.errors import LastAdmin, LoginTaken, RolesInvalid, StaffUnknown
from app.identity.models import Role, StaffAccount
from app.identity.rules import check_password
from app.identity.service._hashing import hash_password
from app.identity.service._logs import record_security_event
from app.identity.service._sessions import end_sessions


class StaffChanges(TypedDict, total=False):
    """What may be changed; absent keys stay as they are."""

    display_name: str
    roles: frozenset[Role]
    station_id: UUID | None
    deliverer_id: UUID | None
    is_active: bool


def _check_roles(
    roles: Collection[Role], *, station_id: UUID | None, deliverer_id: UUID | None
) -> None:
    if not roles or Role.CUSTOMER in roles:
        raise RolesInvalid
    if Role.STATION_MANAGER in roles and station_id is None:
        raise RolesInvalid("a station manager needs a station")
    if (Role.DELIVERER in roles) != (deliverer_id is not None):
        raise RolesInvalid("the role deliverer and a deliverer go together")


async def create_staff(
    session: AsyncSession,
    *,
    login: str,
    display_name: str,
    password: str,
    roles: Collection[Role],
    now: datetime,
    station_id: UUID | None = None,
    deliverer_id: UUID | None = None,
) -> UUID:
    """Add a member of staff; logins do not differ by case.

    Raises LoginTaken, PasswordTooWeak, RolesInvalid.
    """
    name = login.strip().lower()
    _check_roles(roles, station_id=station_id, deliverer_id=deliverer_id)
    check_password(password, login=name)
    staff_id = new_id()
    added = await repository.insert_staff(
        session,
        {
            "id": staff_id,
            "login": name,
            "display_name": display_name,
            "password_hash": await hash_password(password),
            "roles": sorted(role.value for role in roles),
            "station_id": station_id,
            "deliverer_id": deliverer_id,
            "is_active": True,
            "created_at": now,
        },
    )
    if not added:
        raise LoginTaken
    return staff_id


async def get_staff(session: AsyncSession, *, staff_id: UUID) -> StaffAccount:
    """A member of staff; raises StaffUnknown."""
    staff = await repository.find_staff(session, staff_id)
    if staff is None:
        raise StaffUnknown
    return staff


async def list_staff(
    session: AsyncSession, *, after: UUID | None, limit: int, is_active: bool | None = None
) -> list[StaffAccount]:
    """Staff in the order they were added."""
    return await repository.list_staff(session, after=after, limit=limit, is_active=is_active)


async def change_staff(
    session: AsyncSession, *, staff_id: UUID, changes: StaffChanges
) -> StaffAccount:
    """Change name, roles, station, deliverer or standing; it holds from the next request on.

    Deactivating ends all sessions. Raises StaffUnknown, RolesInvalid, LastAdmin.
    """
    # all administrators first, so that two of them cannot remove each other at once
    admins = await repository.lock_admins(session)
    staff = await repository.lock_staff(session, staff_id)
    if staff is None:
        raise StaffUnknown
    roles = changes.get("roles", frozenset(Role(role) for role in staff.roles))
    station_id = changes.get("station_id", staff.station_id)
    deliverer_id = changes.get("deliverer_id", staff.deliverer_id)
    is_active = changes.get("is_active", staff.is_active)
    _check_roles(roles, station_id=station_id, deliverer_id=deliverer_id)
    if admins == [staff_id] and not (is_active and Role.ADMIN in roles):
        raise LastAdmin
    staff.display_name = changes.get("display_name", staff.display_name)
    staff.roles = sorted(role.value for role in roles)
    staff.station_id, staff.deliverer_id, staff.is_active = station_id, deliverer_id, is_active
    await session.flush()
    if not is_active:
        await end_sessions(session, account_id=staff_id)
    await record_security_event(
        session,
        kind="staff_changed",
        facts=f"account={staff_id} active={is_active} roles={','.join(staff.roles)}",
    )
    return staff


async def set_password(session: AsyncSession, *, staff_id: UUID, password: str) -> None:
    """Give a member of staff another password and end all the sessions.

    Raises StaffUnknown, PasswordTooWeak.
    """
    staff = await get_staff(session, staff_id=staff_id)
    check_password(password, login=staff.login)
    fresh_hash = await hash_password(password)
    locked = await repository.lock_staff(session, staff_id)
    if locked is None:
        raise StaffUnknown
    locked.password_hash = fresh_hash
    await session.flush()
    await end_sessions(session, account_id=staff_id)
    await record_security_event(session, kind="password_reset", facts=f"account={staff_id}")
