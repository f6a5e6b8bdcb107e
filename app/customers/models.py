"""Tables of customers."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Registry, Shared
from app.core.reseal import SealedTable
from app.core.states import values_of


class CustomerKind(StrEnum):
    """KPIs of households and schools stand apart."""

    HOUSEHOLD = "household"
    SCHOOL = "school"


class ConsentPurpose(StrEnum):
    """What a consent is about; each has its own text, and none is ticked beforehand."""

    PRIVACY_TERMS = "privacy_terms"
    MARKETING_SMS = "marketing_sms"
    BEHAVIOUR_ANALYSIS = "behaviour_analysis"


class ConsentChannel(StrEnum):
    """Where a consent was said."""

    WEB = "web"
    APP = "app"
    MINI_PROGRAM = "mini_program"
    PHONE = "phone"
    DOOR = "door"
    SMS = "sms"
    """Withdrawn by a reply."""


class Customer(CustomerOwned):
    """One household or school. `customer_id` is also its account id.

    Name and phone are sealed with `Cell("customers", "name" or "phone", customer_id)`; after an
    erasure the seals are empty and `erased_at` says when.
    """

    __tablename__ = "customers"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(CustomerKind)})", name="kind"),
        Index(
            "ix_customers_no_household",
            "customer_id",
            postgresql_where=text("kind <> 'household'"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[CustomerKind] = mapped_column(
        EnumText(CustomerKind), default=CustomerKind.HOUSEHOLD
    )
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_tail: Mapped[str]
    """Last two digits, for masked display without opening the seal."""
    created_at: Mapped[datetime]
    heard_from: Mapped[str | None]
    erased_at: Mapped[datetime | None]


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


class PrivacyText(Shared):
    """What customers agree to for one purpose; a new wording is a new version."""

    __tablename__ = "privacy_texts"
    __table_args__ = (CheckConstraint(f"purpose IN ({values_of(ConsentPurpose)})", name="purpose"),)

    purpose: Mapped[ConsentPurpose] = mapped_column(EnumText(ConsentPurpose), primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    effective_date: Mapped[date]


class Consent(CustomerOwned):
    """A consent given or withdrawn: which text, when, by which channel."""

    __tablename__ = "consents"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id"], ["customers.customer_id"]),
        CheckConstraint(f"purpose IN ({values_of(ConsentPurpose)})", name="purpose"),
        CheckConstraint(f"channel IN ({values_of(ConsentChannel)})", name="channel"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[ConsentPurpose] = mapped_column(EnumText(ConsentPurpose))
    text_version: Mapped[str]
    given: Mapped[bool]
    channel: Mapped[ConsentChannel] = mapped_column(EnumText(ConsentChannel))
    at: Mapped[datetime]


RESEALABLE = (
    SealedTable(
        model=Customer,
        key=("customer_id",),
        row_id="customer_id",
        cells={"name_sealed": "name", "phone_sealed": "phone"},
    ),
    SealedTable(
        model=AddressVersion,
        key=("customer_id", "address_version_id"),
        row_id="address_version_id",
        cells={
            "door_sealed": "door",
            "recipient_sealed": "recipient",
            "phone_sealed": "phone",
            "note_sealed": "note",
        },
    ),
)
"""What a rotation of the data keys seals anew."""
