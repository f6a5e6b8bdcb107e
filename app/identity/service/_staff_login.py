"""Login of staff by password.

A try is counted before the password is looked at and taken back when it was right, so that
guesses made at once are all counted, and a refused request keeps its count.
"""

import structlog

from app.core.clock import wall_now
from app.core.db import Database
from app.identity import repository
from app.identity.access import Principal
from app.identity.errors import LoginFailed, Throttled
from app.identity.models import AccountKind, Role
from app.identity.rules import (
    ACCESS_LIFETIME,
    check_password,
    client_network,
    idle_limit,
    password_tries,
)
from app.identity.service._hashing import hash_password, is_outdated, verify_password
from app.identity.service._logs import record_security_event, security_event
from app.identity.service._sessions import Tokens, end_sessions, issue_tokens
from app.identity.service._throttling import give_back, take

log = structlog.get_logger()


async def log_in_staff(
    database: Database,
    *,
    login: str,
    password: str,
    client_host: str | None,
    in_browser: bool = False,
) -> Tokens:
    """Tokens for a member of staff; 10 failures in 15 minutes per login and per client at most.

    `in_browser`: the access token is for a cookie and lasts as long as it may rest. Unknown logins take as long as known ones. Raises LoginFailed, Throttled.
    """
    name = login.strip().lower()
    wall = wall_now()
    allowances = password_tries(login=name, network=client_network(client_host))
    try:
        async with database.transaction() as session:
            await take(session, allowances=allowances, wall=wall)
            staff = await repository.find_staff_by_login(session, name)
    except Throttled as refusal:
        log.warning("security", kind="login_throttled", limit=refusal.facts["limit"])
        raise
    known_hash = staff.password_hash if staff is not None and staff.is_active else None
    right = await verify_password(known_hash, password)
    if staff is None or not right:
        facts = f"account={staff.id}" if staff is not None else "account=unknown"
        await security_event(database, kind="login_failed", facts=facts)
        raise LoginFailed
    fresh_hash = await hash_password(password) if is_outdated(staff.password_hash) else None
    async with database.transaction() as session:
        now_known = await repository.lock_staff(session, staff.id, shared=fresh_hash is None)
        if (
            now_known is None
            or not now_known.is_active
            or now_known.password_hash != staff.password_hash
        ):
            raise LoginFailed
        if fresh_hash is not None:
            now_known.password_hash = fresh_hash
        await give_back(session, allowances=allowances, wall=wall)
        idle = idle_limit(is_deliverer=Role.DELIVERER in staff.roles)
        tokens = await issue_tokens(
            session,
            account_id=staff.id,
            kind=AccountKind.STAFF,
            access_lifetime=idle if in_browser else ACCESS_LIFETIME,
        )
        await record_security_event(session, kind="login", facts=f"account={staff.id}")
    return tokens


async def change_own_password(
    database: Database,
    *,
    caller: Principal,
    current: str,
    fresh: str,
    client_host: str | None,
) -> None:
    """Replace the caller's password and end the caller's other sessions.

    Raises LoginFailed (wrong current password), PasswordTooWeak, Throttled.
    """
    wall = wall_now()
    async with database.transaction() as session:
        staff = await repository.find_staff(session, caller.account_id)
        if staff is None:
            raise LoginFailed
        check_password(fresh, login=staff.login)
        allowances = password_tries(login=staff.login, network=client_network(client_host))
        await take(session, allowances=allowances, wall=wall)
    if not await verify_password(staff.password_hash, current):
        await security_event(database, kind="login_failed", facts=f"account={staff.id}")
        raise LoginFailed
    fresh_hash = await hash_password(fresh)
    async with database.transaction() as session:
        locked = await repository.lock_staff(session, staff.id)
        if locked is None or locked.password_hash != staff.password_hash:
            raise LoginFailed
        locked.password_hash = fresh_hash
        await give_back(session, allowances=allowances, wall=wall)
        await end_sessions(session, account_id=staff.id, but=caller.session_id)
        await record_security_event(session, kind="password_changed", facts=f"account={staff.id}")
