"""What the forms behind a link send."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.core.schemas import OptionalText, Phone, Request, ShortText
from app.customers.service import AddressText


class ClaimForm(Request):
    """An address as a household writes it, and the agreement it has read."""

    city_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    district: ShortText
    place: ShortText
    """The compound; a street where there is none."""
    house_no: Annotated[OptionalText, Field(max_length=20)] = ""
    door: ShortText
    recipient: ShortText
    phone: Phone
    note: OptionalText = ""
    agreement_version: ShortText

    def address(self) -> AddressText:
        """As the service takes it."""
        is_street = self.place.endswith(("路", "街", "道", "巷", "弄"))
        return AddressText(
            city_code=self.city_code,
            district=self.district,
            street=self.place if is_street else "",
            house_no=self.house_no,
            compound="" if is_street else self.place,
            longitude=None,
            latitude=None,
            door=self.door,
            recipient=self.recipient,
            phone=self.phone,
            note=self.note or None,
        )
