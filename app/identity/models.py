"""Tables of identity."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import DeviceOwned, EnumText, Local, Registry, Shared
from app.core.states import values_of


class AccountKind(StrEnum):
    """Customers log in by SMS code, staff by password."""

    CUSTOMER = "customer"
    STAFF = "staff"


class Role(StrEnum):
    """What a caller may do; the matrix of role and endpoint is a test."""

    CUSTOMER = "customer"
    DELIVERER = "deliverer"
    STATION_MANAGER = "station_manager"
    REVIEWER = "reviewer"
    SERVICE_AGENT = "service_agent"
    FINANCE = "finance"
    QUALITY = "quality"
    SCHOOL = "school"
    AUDITOR = "auditor"
    MANAGER = "manager"
    ADMIN = "admin"


class PhoneAccount(Registry):
    """A phone (by its blind index) and the one customer account it logs in to."""

    __tablename__ = "phone_accounts"

    phone_index: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[UUID]


class StaffAccount(Shared):
    """A member of staff. `station_id` and `deliverer_id` narrow what the role sees."""

    __tablename__ = "staff_accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    station_id: Mapped[UUID | None]
    deliverer_id: Mapped[UUID | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class SessionRow(Registry):
    """One login: the current access and refresh token, by hash."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_account_id", "account_id"),
        CheckConstraint(f"kind IN ({values_of(AccountKind)})", name="kind"),
    )

    access_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID]
    account_id: Mapped[UUID]
    kind: Mapped[AccountKind] = mapped_column(EnumText(AccountKind))
    access_expires_at: Mapped[datetime]


class RefreshToken(Registry):
    """A refresh token, used once; using it again ends the whole session.

    `generation` counts rotations; the first token stays as long as the session and is its lock.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_account_id", "account_id"),)

    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(index=True)
    account_id: Mapped[UUID]
    kind: Mapped[AccountKind] = mapped_column(EnumText(AccountKind))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    generation: Mapped[int] = mapped_column(default=0)


class LoginCode(Registry):
    """One SMS code: single use, dies after five tries or ten minutes."""

    __tablename__ = "login_codes"

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_index: Mapped[bytes] = mapped_column(LargeBinary)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Throttle(Registry):
    """Counts per key and window: login attempts, codes per phone and per address."""

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    window_at: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int]


class AccessLogEntry(DeviceOwned):
    """Staff read personal data in full: who, whose, what, why."""

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_customer_id", "customer_id", "at"),
        Index("ix_access_log_id", "id"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    subject: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class SecurityEvent(Local):
    """Refused logins, forged notifications and the like."""

    __tablename__ = "security_events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    facts: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
