"""Demo logins, one for each role; passwords are random per installation."""

import json
import os
import secrets
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.identity.models import Role
from app.identity.service import create_staff
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
    (Role.DELIVERER, "deliverer", "送奶员001"),
)


async def write_staff(session: AsyncSession, plan: CityPlan, logins: Path) -> None:
    """Staff accounts of the first station, and the file `make run` prints them from (0600)."""
    written = []
    for role, login, name in PEOPLE:
        password = secrets.token_urlsafe(12)
        at_station = role in {Role.STATION_MANAGER, Role.DELIVERER}
        await create_staff(
            session,
            login=login,
            display_name=name,
            password=password,
            roles=[role],
            station_id=plan.stations[0].station_id if at_station else None,
            deliverer_id=plan.blocks[0].deliverer_id if role is Role.DELIVERER else None,
            now=wall_now(),
        )
        written.append({"role": role.value, "login": login, "password": password, "name": name})
    written.append(
        {
            "role": Role.CUSTOMER.value,
            "login": plan.homes[0].phone,
            "password": "短信验证码",
            "name": "顾客",
        }
    )
    logins.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(logins, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(written, file, ensure_ascii=False, indent=2)
