"""Request and answer shapes of customers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from app.core.ids import public_pair, public_single
from app.core.schemas import Answer, OptionalText, Request, ShortText
from app.customers.models import ConsentChannel, ConsentPurpose, CustomerKind
from app.customers.rules import building_text, mask_name, mask_phone
from app.customers.service import (
    AddressText,
    Building,
    ConsentState,
    DoorChanges,
    OwnAddress,
    Profile,
    ProfileChanges,
)
from app.identity.rules import normalise_phone

ContactPhone = Annotated[
    str,
    StringConstraints(pattern=r"^[+0-9()（）. -]{7,30}$"),
    AfterValidator(normalise_phone),
]
"""A mobile or a landline with its area code."""
HouseNo = Annotated[OptionalText, Field(max_length=20)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,39}$")]


class MeOut(Answer):
    """The own profile, in full."""

    id: str
    kind: CustomerKind
    name: str | None
    phone: str
    heard_from: str | None
    created_at: datetime

    @classmethod
    def of(cls, profile: Profile) -> "MeOut":
        """For the customer's own eyes."""
        return cls(
            id=public_single("cus", profile.customer_id),
            kind=profile.kind,
            name=profile.name,
            phone=profile.phone,
            heard_from=profile.heard_from,
            created_at=profile.created_at,
        )


class MePatch(Request):
    """What changes; absent fields stay, null clears where one heard of us."""

    name: ShortText | None = None
    heard_from: ShortText | None = None

    def changes(self) -> ProfileChanges:
        """Only what the request names."""
        changes = ProfileChanges()
        if self.name is not None:
            changes["name"] = self.name
        if "heard_from" in self.model_fields_set:
            changes["heard_from"] = self.heard_from
        return changes


class AddressIn(Request):
    """A new address; a street or a compound is needed, coordinates come in pairs (WGS 84)."""

    city_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    district: ShortText
    street: OptionalText = ""
    house_no: HouseNo = ""
    compound: OptionalText = ""
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    door: ShortText
    recipient: ShortText
    phone: ContactPhone
    note: OptionalText | None = None

    @model_validator(mode="after")
    def _complete(self) -> "AddressIn":
        if not self.street and not self.compound:
            raise ValueError("a street or a compound is needed")
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("longitude and latitude come together")
        return self

    def text(self) -> AddressText:
        """As the service takes it."""
        return AddressText(**self.model_dump())


class AddressPatch(Request):
    """What is written for the door; another building is another address."""

    door: ShortText | None = None
    recipient: ShortText | None = None
    phone: ContactPhone | None = None
    note: OptionalText | None = None

    def changes(self) -> DoorChanges:
        """Only what the request names; null clears the note."""
        changes = DoorChanges()
        if self.door is not None:
            changes["door"] = self.door
        if self.recipient is not None:
            changes["recipient"] = self.recipient
        if self.phone is not None:
            changes["phone"] = self.phone
        if "note" in self.model_fields_set:
            changes["note"] = self.note or None
        return changes


class BuildingOut(Answer):
    """The plain part of an address; `building` is its text for people."""

    id: str
    city_code: str
    district: str
    street: str
    house_no: str
    compound: str
    longitude: float | None
    latitude: float | None
    building: str

    @classmethod
    def of(cls, customer_id: UUID, place: Building) -> "BuildingOut":
        """Down to the building, which is shown by default."""
        return cls(
            id=public_pair("adr", customer_id, place.address_id),
            city_code=place.city_code,
            district=place.district,
            street=place.street,
            house_no=place.house_no,
            compound=place.compound,
            longitude=place.longitude,
            latitude=place.latitude,
            building=building_text(
                district=place.district,
                street=place.street,
                house_no=place.house_no,
                compound=place.compound,
            ),
        )


class AddressOut(BuildingOut):
    """A whole address: for its customer, or for staff who gave a reason."""

    door: str
    recipient: str
    phone: str
    note: str | None
    written_at: datetime

    @classmethod
    def full(cls, customer_id: UUID, address: OwnAddress) -> "AddressOut":
        """With door, recipient, phone and note."""
        return cls(
            **BuildingOut.of(customer_id, address.building).model_dump(),
            door=address.details.door,
            recipient=address.details.recipient,
            phone=address.details.phone,
            note=address.details.note,
            written_at=address.written_at,
        )


class ConsentIn(Request):
    """Give a consent (naming the version that was read) or withdraw it."""

    purpose: ConsentPurpose
    given: bool
    text_version: Version | None = None
    channel: Literal[ConsentChannel.WEB, ConsentChannel.APP, ConsentChannel.MINI_PROGRAM]


class ConsentOut(Answer):
    """Where the customer stands on one purpose."""

    purpose: ConsentPurpose
    given: bool
    text_version: str | None
    current_version: str | None
    channel: ConsentChannel | None
    at: datetime | None


class Consents(Answer):
    """Every purpose, said or not."""

    items: list[ConsentOut]

    @classmethod
    def of(cls, states: list[ConsentState]) -> "Consents":
        """From the service."""
        return cls(items=[ConsentOut.model_validate(state) for state in states])


class PrivacyTextIn(Request):
    """The next wording for a purpose; not dated back."""

    model_config = ConfigDict(str_max_length=50_000)

    purpose: ConsentPurpose
    version: Version
    title: ShortText
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50_000)]
    effective_date: date


class PrivacyTextOut(Answer):
    """The wording in force."""

    purpose: ConsentPurpose
    version: str
    title: str
    text: str
    effective_date: date


class PrivacyTexts(Answer):
    """One wording for each purpose that has one."""

    items: list[PrivacyTextOut]


class ExportOut(Answer):
    """A copy of everything held about the customer; further parts carry their domain's name."""

    model_config = ConfigDict(extra="allow")

    profile: dict[str, Any]
    addresses: list[dict[str, Any]]
    consents: list[dict[str, Any]]


class SearchIn(Request):
    """Exact phone; a phone is never part of an address line."""

    phone: ContactPhone


class CustomerOut(Answer):
    """A customer as staff see it: masked."""

    id: str
    kind: CustomerKind
    name: str
    phone: str
    heard_from: str | None
    created_at: datetime

    @classmethod
    def of(cls, profile: Profile) -> "CustomerOut":
        """Masked."""
        return cls(
            id=public_single("cus", profile.customer_id),
            kind=profile.kind,
            name=mask_name(profile.name),
            phone=mask_phone(profile.phone),
            heard_from=profile.heard_from,
            created_at=profile.created_at,
        )


class Customers(Answer):
    """Whom a search found: nobody or one."""

    items: list[CustomerOut]


class CustomerDetailOut(CustomerOut):
    """The same with addresses down to the building."""

    addresses: list[BuildingOut]


class RevealIn(Request):
    """Why the data must be seen in full; kept in the access log."""

    reason: Annotated[ShortText, Field(min_length=4)]


class RevealOut(Answer):
    """Name, phone and addresses in full."""

    id: str
    name: str | None
    phone: str
    addresses: list[AddressOut]
