"""Base classes of all tables. The base a table takes says where it lives on several machines."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, MetaData, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase

from app.core.placement import Placement

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """timestamptz that refuses naive values and answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Refuse what has no zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Always UTC."""
        return None if value is None else value.astimezone(UTC)


class EnumText(TypeDecorator[StrEnum]):
    """A StrEnum stored as text; a CHECK in the table lists its values."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Only members of the enum."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002  # SQLAlchemy's signature
        """The member."""
        return None if value is None else self.enum(value)


class Base(DeclarativeBase):
    """All tables."""

    __placement__: ClassVar[Placement]
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        str: Text,
        int: BigInteger,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class CustomerOwned(Base):
    """Rows of one customer: every key contains `customer_id`."""

    __abstract__ = True
    __placement__ = Placement.CUSTOMER


class Shared(Base):
    """Small, rarely written rows that everybody reads: products, stations, staff."""

    __abstract__ = True
    __placement__ = Placement.SHARED


class Registry(Base):
    """One row per globally unique value, keyed by that value."""

    __abstract__ = True
    __placement__ = Placement.REGISTRY


class DeviceOwned(Base):
    """Telemetry and phone events, keyed by the device or the deliverer."""

    __abstract__ = True
    __placement__ = Placement.DEVICE


class Local(Base):
    """Rows of this installation's machinery."""

    __abstract__ = True
    __placement__ = Placement.LOCAL
