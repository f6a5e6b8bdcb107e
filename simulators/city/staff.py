"""Demo logins: one for each role, and one for every deliverer; passwords are random."""

import asyncio
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import copy_rows
from app.core.clock import wall_now
from app.core.ids import new_id
from app.identity.models import Role
from app.identity.service import hash_password
from simulators.city.plan import CityPlan

PEOPLE = (
    (Role.ADMIN, "admin", "系统管理员"),
    (Role.MANAGER, "manager", "运营经理"),
    (Role.STATION_MANAGER, "station", "奶站站长"),
    (Role.REVIEWER, "reviewer", "审核员"),
    (Role.SERVICE_AGENT, "agent", "客服"),
    (Role.FINANCE, "finance", "财务"),
    (Role.QUALITY, "quality", "品控"),
    (Role.AUDITOR, "auditor", "审计"),
)


@dataclass(frozen=True, slots=True)
class StaffLogin:
    """Somebody who works here, and the password of this installation."""

    role: Role
    login: str
    name: str
    password: str = field(repr=False)
    password_hash: str = field(repr=False)
    station_id: UUID | None = None
    deliverer_id: UUID | None = None


async def draw_logins(plan: CityPlan) -> list[StaffLogin]:
    """Everybody with a password and its hash, which is slow on purpose: it runs beside the load."""
    first = plan.stations[0].station_id
    people: list[tuple[Role, str, str, UUID | None, UUID | None]] = [
        (role, login, name, first if role is Role.STATION_MANAGER else None, None)
        for role, login, name in PEOPLE
    ]
    people += [
        (
            Role.DELIVERER,
            "deliverer" if number == 1 else f"d{number:04}",
            f"送奶员{number:03}",
            plan.stations[block.station].station_id,
            block.deliverer_id,
        )
        for number, block in enumerate(plan.blocks, 1)
    ]
    passwords = [secrets.token_urlsafe(12) for _ in people]
    hashes = await asyncio.gather(*(hash_password(password) for password in passwords))
    return [
        StaffLogin(role, login, name, password, hashed, station_id, deliverer_id)
        for (role, login, name, station_id, deliverer_id), password, hashed in zip(
            people, passwords, hashes, strict=True
        )
    ]


async def write_staff(
    session: AsyncSession, plan: CityPlan, logins: list[StaffLogin], path: Path
) -> None:
    """Write the staff accounts, and the file `make run` prints them from (0600)."""
    now = wall_now()
    await copy_rows(
        session,
        "staff_accounts",
        ("id", "login", "display_name", "password_hash", "roles")
        + ("station_id", "deliverer_id", "is_active", "created_at"),
        [
            (new_id(), one.login, one.name, one.password_hash, [one.role.value])
            + (one.station_id, one.deliverer_id, True, now)
            for one in logins
        ],
    )
    written = [
        {"role": one.role.value, "login": one.login, "password": one.password, "name": one.name}
        for one in logins
    ]
    written.append(
        {
            "role": Role.CUSTOMER.value,
            "login": plan.homes[0].phone,
            "password": "短信验证码",
            "name": "顾客",
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(written, file, ensure_ascii=False, indent=2)
