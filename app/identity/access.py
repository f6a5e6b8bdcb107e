"""Rights at the edge: who is calling, and which roles an endpoint lets in.

Every route names its rights by `Allow(...)` or `OPEN`; a test reads them off the routes.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from app.core.clock import BusinessClock, wall_now
from app.core.db import Database
from app.core.errors import Forbidden, NotAuthenticated
from app.identity.browser import check_meant, session_cookie
from app.identity.models import AccountKind, Role
from app.identity.rules import idle_limit, prolonged

log = structlog.get_logger()


@dataclass(frozen=True)
class Principal:
    """The authenticated caller. `station_id` and `deliverer_id` narrow what staff may see."""

    account_id: UUID
    kind: AccountKind
    roles: frozenset[Role]
    session_id: UUID
    station_id: UUID | None = None
    deliverer_id: UUID | None = None
    display_name: str = ""
    access_ends_at: datetime | None = None

    @property
    def actor(self) -> str:
        """How histories name the caller."""
        if self.kind is AccountKind.CUSTOMER:
            return "customer"
        if self.deliverer_id is not None:
            return f"deliverer:{self.deliverer_id}"
        return f"staff:{self.account_id}"

    @property
    def customer_id(self) -> UUID:
        """The caller's own customer id; raises Forbidden for staff."""
        if self.kind is not AccountKind.CUSTOMER:
            raise Forbidden
        return self.account_id

    @property
    def own_deliverer_id(self) -> UUID:
        """The deliverer the caller is; raises Forbidden for anyone else."""
        if self.deliverer_id is None:
            raise Forbidden
        return self.deliverer_id

    def has(self, *roles: Role) -> bool:
        """Whether any of these roles is the caller's."""
        return not self.roles.isdisjoint(roles)


def token_hash(token: str) -> bytes:
    """What is stored of a token: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


_CALLER: Final = """
SELECT s.session_id, s.account_id, s.kind, s.access_expires_at,
       a.roles, a.station_id, a.deliverer_id, a.display_name, a.is_active
FROM sessions s LEFT JOIN staff_accounts a ON a.id = s.account_id
WHERE s.access_hash = $1 AND s.access_expires_at > $2
"""


async def find_principal(database: Database, token: str) -> Principal | None:
    """The caller behind an access token that is valid now."""
    row = await database.fetch_row(_CALLER, token_hash(token), wall_now())
    if row is None:
        return None
    kind = AccountKind(row["kind"])
    if kind is AccountKind.CUSTOMER:
        roles = frozenset({Role.CUSTOMER})
    elif row["is_active"]:
        roles = frozenset(Role(role) for role in row["roles"])
    else:
        return None
    return Principal(
        account_id=row["account_id"],
        kind=kind,
        roles=roles,
        session_id=row["session_id"],
        station_id=row["station_id"],
        deliverer_id=row["deliverer_id"],
        display_name=row["display_name"] or "",
        access_ends_at=row["access_expires_at"],
    )


_PROLONG: Final = """
UPDATE sessions s SET access_expires_at = LEAST($2, r.expires_at)
FROM refresh_tokens r
WHERE s.access_hash = $1 AND r.session_id = s.session_id AND r.generation = 0
  AND s.access_expires_at < LEAST($2, r.expires_at)
RETURNING s.access_expires_at
"""


async def find_visitor(request: Request) -> Principal | None:
    """The caller behind the browser's cookie; using a session moves its end, up to the absolute one."""
    token = session_cookie(request)
    if token is None:
        return None
    database: Database = request.app.state.database
    visitor = await find_principal(database, token)
    if visitor is None or visitor.access_ends_at is None:
        return None
    idle = idle_limit(
        is_deliverer=visitor.has(Role.DELIVERER), is_household=visitor.has(Role.CUSTOMER)
    )
    later = prolonged(visitor.access_ends_at, wall=wall_now(), idle=idle)
    if later is not None:
        await database.fetch_row(_PROLONG, token_hash(token), later)
    return visitor


def _bearer_token(request: Request) -> str | None:
    """The token of the header `Authorization: Bearer …`; raises NotAuthenticated if it cannot be one."""
    scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
    if not token or scheme.lower() != "bearer":
        return None
    if not token.isascii():
        raise NotAuthenticated
    return token


class Allow(SecurityBase):
    """Dependency that lets only these roles in and answers the caller.

    A bearer token counts before the browser's cookie, which must prove that a change was meant.
    """

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)
        self.model = HTTPBearerModel(description="Access token of /auth/login or /auth/sms-login")
        self.scheme_name = "HTTPBearer"

    async def __call__(self, request: Request) -> Principal:
        """Authenticate and check; raises NotAuthenticated, Forbidden, RequestNotMeant."""
        token = _bearer_token(request)
        if token is not None:
            principal = await find_principal(request.app.state.database, token)
        else:
            principal = await find_visitor(request)
        if principal is None:
            raise NotAuthenticated
        request.state.principal = principal
        if token is None:
            await check_meant(request, principal.session_id)
        if not principal.has(*self.roles):
            log.warning("access.denied", caller=str(principal.account_id), method=request.method)
            raise Forbidden
        request.state.caller_id = principal.account_id
        structlog.contextvars.bind_contextvars(caller=str(principal.account_id))
        return principal


async def open_to_all() -> None:
    """Marks an endpoint that verifies its caller by other means, or that anyone may read."""


OPEN = Depends(open_to_all)
STAFF = tuple(role for role in Role if role not in {Role.CUSTOMER, Role.SCHOOL})


async def business_clock(request: Request) -> BusinessClock:
    """The process's business clock; a coroutine, so that no thread is asked for it."""
    clock: BusinessClock = request.app.state.clock
    return clock


ClockDep = Annotated[BusinessClock, Depends(business_clock)]
AnyCaller = Annotated[Principal, Depends(Allow(*Role))]
CustomerCaller = Annotated[Principal, Depends(Allow(Role.CUSTOMER))]
DelivererCaller = Annotated[Principal, Depends(Allow(Role.DELIVERER))]
