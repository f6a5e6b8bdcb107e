"""Request and answer shapes of identity."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Request as HttpRequest
from pydantic import AfterValidator, Field, StringConstraints

from app.core.errors import NotFound
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, PageRequest
from app.core.schemas import Answer, Request, ShortText
from app.identity.models import AccountKind, Role, StaffAccount
from app.identity.rules import normalise_phone
from app.identity.service import AccessEntry, StaffChanges, Tokens

MobilePhone = Annotated[
    str,
    StringConstraints(pattern=r"^(\+?86)?[ -]?1[3-9]([ -]?[0-9]){9}$", max_length=40),
    AfterValidator(normalise_phone),
]
"""A mainland mobile, with or without +86, spaces and dashes; 11 digits after validation."""
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{1,63}$")]
Password = Annotated[str, StringConstraints(min_length=1, max_length=200)]
StaffRole = Literal[
    Role.DELIVERER,
    Role.STATION_MANAGER,
    Role.REVIEWER,
    Role.SERVICE_AGENT,
    Role.FINANCE,
    Role.QUALITY,
    Role.SCHOOL,
    Role.AUDITOR,
    Role.MANAGER,
    Role.ADMIN,
]
Roles = Annotated[list[StaffRole], Field(min_length=1, max_length=10)]
StationId = Annotated[str, StringConstraints(pattern=r"^stn_[a-z2-7]{26}$")]
DelivererId = Annotated[str, StringConstraints(pattern=r"^dlv_[a-z2-7]{26}$")]


def client_host(request: HttpRequest) -> str | None:
    """Address of the client; a proxy's header counts only where the server trusts the proxy."""
    return request.client.host if request.client is not None else None


def uuid_cursor(page: PageRequest) -> UUID | None:
    """The id in a cursor of a list by id; raises BadCursor."""
    if page.after is None:
        return None
    try:
        (text,) = page.after
        return UUID(str(text))
    except ValueError as error:
        raise BadCursor from error


def _plain_id(prefix: str, text: str | None) -> UUID | None:
    return None if text is None else read_single(prefix, text)


def _public_id(prefix: str, row_id: UUID | None) -> str | None:
    return None if row_id is None else public_single(prefix, row_id)


class CodeIn(Request):
    """Ask for a login code."""

    phone: MobilePhone


class CodeOut(Answer):
    """Where the code belongs; the same for known and unknown phones."""

    request_id: UUID
    expires_in_seconds: int


class SmsLoginIn(Request):
    """The code as the phone received it."""

    request_id: UUID
    phone: MobilePhone
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class PasswordLoginIn(Request):
    """Login of staff."""

    login: Login
    password: Password


class RefreshIn(Request):
    """The newest refresh token; each is good once."""

    refresh_token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,100}$")]


class TokensOut(Answer):
    """Bearer tokens; lifetimes in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = Field(default="bearer")
    expires_in_seconds: int
    refresh_expires_in_seconds: int

    @classmethod
    def of(cls, tokens: Tokens) -> "TokensOut":
        """From what the service issued."""
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in_seconds=tokens.expires_in_seconds,
            refresh_expires_in_seconds=tokens.refresh_expires_in_seconds,
        )


class PasswordChangeIn(Request):
    """One's own password."""

    current_password: Password
    new_password: Password


class PasswordIn(Request):
    """A password an administrator gives."""

    password: Password


class MeOut(Answer):
    """The caller; `login`, `display_name`, station and deliverer are staff's."""

    id: str
    kind: AccountKind
    roles: list[Role]
    login: str | None = None
    display_name: str | None = None
    station_id: str | None = None
    deliverer_id: str | None = None


class StaffIn(Request):
    """A new member of staff."""

    login: Login
    display_name: ShortText
    password: Password
    roles: Roles
    station_id: StationId | None = None
    deliverer_id: DelivererId | None = None

    def station(self) -> UUID | None:
        """Plain station id; raises NotFound."""
        return _plain_id("stn", self.station_id)

    def deliverer(self) -> UUID | None:
        """Plain deliverer id; raises NotFound."""
        return _plain_id("dlv", self.deliverer_id)


class StaffPatch(Request):
    """What changes; absent fields stay, null clears station or deliverer."""

    display_name: ShortText | None = None
    roles: Roles | None = None
    station_id: StationId | None = None
    deliverer_id: DelivererId | None = None
    is_active: bool | None = None

    def changes(self) -> StaffChanges:
        """Only what the request names; raises NotFound for a made-up id."""
        named = self.model_fields_set
        changes = StaffChanges()
        if self.display_name is not None:
            changes["display_name"] = self.display_name
        if self.roles is not None:
            changes["roles"] = frozenset(self.roles)
        if "station_id" in named:
            changes["station_id"] = _plain_id("stn", self.station_id)
        if "deliverer_id" in named:
            changes["deliverer_id"] = _plain_id("dlv", self.deliverer_id)
        if self.is_active is not None:
            changes["is_active"] = self.is_active
        return changes


class StaffOut(Answer):
    """A member of staff."""

    id: str
    login: str
    display_name: str
    roles: list[Role]
    station_id: str | None
    deliverer_id: str | None
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, staff: StaffAccount) -> "StaffOut":
        """From the row, without what is secret."""
        return cls(
            id=public_single("stf", staff.id),
            login=staff.login,
            display_name=staff.display_name,
            roles=[Role(role) for role in staff.roles],
            station_id=_public_id("stn", staff.station_id),
            deliverer_id=_public_id("dlv", staff.deliverer_id),
            is_active=staff.is_active,
            created_at=staff.created_at,
        )


class AccessEntryOut(Answer):
    """One reading of personal data by staff."""

    staff_id: str
    customer_id: str
    subject: str
    reason: str
    at: datetime

    @classmethod
    def of(cls, entry: AccessEntry) -> "AccessEntryOut":
        """From the log."""
        return cls(
            staff_id=public_single("stf", entry.account_id),
            customer_id=public_single("cus", entry.customer_id),
            subject=entry.subject,
            reason=entry.reason,
            at=entry.at,
        )


def staff_uuid(text: str) -> UUID:
    """Plain id of a member of staff; raises NotFound."""
    return read_single("stf", text)


def filter_uuid(prefix: str, text: str | None) -> UUID | None:
    """Plain id of a filter; an id that cannot exist matches nothing."""
    if text is None:
        return None
    try:
        return read_single(prefix, text)
    except NotFound:
        return UUID(int=(1 << 128) - 1)
