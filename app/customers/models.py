"""Tables of customers."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, Registry
from app.core.states import values_of


class CustomerKind(StrEnum):
    """KPIs of households and schools stand apart."""

    HOUSEHOLD = "household"
    SCHOOL = "school"


class Customer(CustomerOwned):
    """One household or school. `customer_id` is also its account id."""

    __tablename__ = "customers"
    __table_args__ = (CheckConstraint(f"kind IN ({values_of(CustomerKind)})", name="kind"),)

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[CustomerKind] = mapped_column(Text, default=CustomerKind.HOUSEHOLD)
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_tail: Mapped[str]
    """Last two digits, for masked display without opening the seal."""
    created_at: Mapped[datetime]
    heard_from: Mapped[str | None]


class BookNumber(Registry):
    """The operator's own number of a subscriber (订户编号) and its customer."""

    __tablename__ = "book_numbers"

    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]


class Address(CustomerOwned):
    """A door of a customer; what it says stands in its versions."""

    __tablename__ = "addresses"
    __table_args__ = (ForeignKeyConstraint(["customer_id"], ["customers.customer_id"]),)

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    address_id: Mapped[UUID] = mapped_column(primary_key=True)
    current_version_id: Mapped[UUID]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class AddressVersion(CustomerOwned):
    """What an address said at a time; never changed, referenced by terms and deliveries.

    Building fields are plain, for coverage, stop order and scanning; the rest is sealed with
    `Cell("address_versions", column, address_version_id)`.
    """

    __tablename__ = "address_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "address_id"], ["addresses.customer_id", "addresses.address_id"]
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    address_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    address_id: Mapped[UUID]
    city_code: Mapped[str]
    district: Mapped[str]
    street: Mapped[str]
    house_no: Mapped[str]
    compound: Mapped[str]
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    door_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    recipient_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    note_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Consent(CustomerOwned):
    """A consent given or withdrawn: which text, when, by which channel."""

    __tablename__ = "consents"
    __table_args__ = (ForeignKeyConstraint(["customer_id"], ["customers.customer_id"]),)

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    text_version: Mapped[str]
    given: Mapped[bool]
    channel: Mapped[str]
    at: Mapped[datetime]
