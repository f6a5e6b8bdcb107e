"""Login of customers by SMS code.

No connection is held while a code is hashed, and a try is counted in a transaction of its own
before the code is looked at: a refused request cannot take the count back, and a hundred guesses
at once are a hundred tries.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.core.alerts import raise_alert
from app.core.clock import wall_now
from app.core.db import Database
from app.core.events import publish
from app.core.ids import new_id
from app.identity import repository
from app.identity.config import LoginSettings
from app.identity.errors import LoginCodeRefused, Throttled
from app.identity.events import LoginCodeIssued
from app.identity.models import AccountKind, LoginCode
from app.identity.rules import (
    ACCESS_LIFETIME,
    CODE_DIGITS,
    CODE_LIFETIME,
    CODE_TRIES,
    HOUSEHOLD_IDLE,
    client_network,
    code_sends,
    code_tries,
    normalise_phone,
)
from app.identity.service._accounts import find_or_open_account, phone_index
from app.identity.service._hashing import hash_code, verify_code
from app.identity.service._logs import record_security_event, security_event
from app.identity.service._sessions import Tokens, issue_tokens
from app.identity.service._throttling import give_back, take

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CodeTicket:
    """What the asker gets; the code itself goes to the phone."""

    request_id: UUID
    expires_in_seconds: int


async def issue_code(database: Database, *, phone: str, client_host: str | None) -> CodeTicket:
    """Make a login code and publish LoginCodeIssued; known and unknown phones look the same.

    At most 1 a minute, 5 an hour and 10 a day per phone, 20 an hour per client, and the
    installation's own cap. Raises PhoneInvalid, Throttled.
    """
    number = normalise_phone(phone)
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    salt = secrets.token_bytes(16)
    code_hash = await hash_code(code, salt)
    settings = LoginSettings()
    allowances = code_sends(
        phone=number,
        network=client_network(client_host),
        per_network=settings.codes_per_network_hour,
        overall=settings.codes_per_hour,
    )
    request_id, wall = new_id(), wall_now()
    try:
        async with database.transaction() as session:
            await take(session, allowances=allowances, wall=wall)
            session.add(
                LoginCode(
                    request_id=request_id,
                    phone_index=phone_index(number),
                    code_hash=code_hash,
                    salt=salt,
                    created_at=wall,
                    expires_at=wall + CODE_LIFETIME,
                )
            )
            await session.flush()
            await publish(session, LoginCodeIssued(request_id, number, code))
    except Throttled as refusal:
        await _note_refused_code(database, str(refusal.facts["limit"]))
        raise
    return CodeTicket(request_id, int(CODE_LIFETIME.total_seconds()))


async def _note_refused_code(database: Database, limit: str) -> None:
    # anyone may ask without end, so a refusal leaves a line in the log and no row
    log.warning("security", kind="login_code_throttled", limit=limit)
    if limit == "code_all":
        async with database.transaction() as session:
            await raise_alert(session, "login_code_cap_reached", "installation")


async def log_in_by_code(
    database: Database,
    *,
    request_id: UUID,
    phone: str,
    code: str,
    client_host: str | None,
    now: datetime,
    in_browser: bool = False,
) -> Tokens:
    """Tokens for a code that fits its request and phone; opens the account at the first login.

    `in_browser`: the access token is for a cookie and lasts as long as it may rest. A code is good once, for ten minutes and five tries. Raises LoginCodeRefused, PhoneInvalid,
    Throttled.
    """
    number = normalise_phone(phone)
    wall = wall_now()
    allowances = code_tries(
        network=client_network(client_host), per_network=LoginSettings().codes_per_network_hour
    )
    async with database.transaction() as session:
        await take(session, allowances=allowances, wall=wall)
        kept = await repository.claim_code_try(
            session,
            request_id=request_id,
            phone_index=phone_index(number),
            tries=CODE_TRIES,
            wall=wall,
        )
    if not await verify_code(kept, code):
        await security_event(database, kind="login_code_wrong", facts=f"request={request_id}")
        raise LoginCodeRefused
    async with database.transaction() as session:
        # Throttles before the code, as the try above locks them.
        await give_back(session, allowances=allowances, wall=wall)
        if not await repository.use_code(session, request_id=request_id, wall=wall_now()):
            raise LoginCodeRefused
        account_id, _ = await find_or_open_account(session, phone=number, now=now)
        tokens = await issue_tokens(
            session,
            account_id=account_id,
            kind=AccountKind.CUSTOMER,
            access_lifetime=HOUSEHOLD_IDLE if in_browser else ACCESS_LIFETIME,
        )
        await record_security_event(session, kind="login", facts=f"account={account_id}")
    return tokens
