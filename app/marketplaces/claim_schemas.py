"""JSON shapes of the link by which a household claims its marketplace order."""

from typing import Any, Self

from app.core.schemas import Answer, Request, ShortText
from app.customers.schemas import AddressIn
from app.marketplaces.service import ClaimView
from app.marketplaces.states import LABELS, MARKETPLACE_LABELS
from app.orders.rules import Pattern
from app.orders.schemas import AgreementOut


def pattern_out(pattern: Pattern) -> dict[str, Any]:
    """A pattern as it is written in JSON."""
    if pattern.weekday_quantities is not None:
        return {"kind": "weekdays", "quantities": list(pattern.weekday_quantities)}
    return {
        "kind": "every_days",
        "interval_days": pattern.interval_days,
        "quantity": pattern.quantity,
    }


class ClaimIn(Request):
    """Where the milk is to be brought, and the agreement the household accepts."""

    address: AddressIn
    agreement_version: ShortText


class ClaimedLineOut(Answer):
    """A position in our words."""

    product: str
    specification: str
    pattern: dict[str, Any]
    bottles: int
    paid_fen: int


class CityOut(Answer):
    """A city of ours."""

    code: str
    name: str


class ClaimAsked(Answer):
    """What `GET /links/{token}` tells `about` a marketplace order: nothing of the receiver."""

    marketplace: str
    shop: str
    number_tail: str
    state: str
    label: str
    paid_fen: int
    lines: list[ClaimedLineOut]
    agreement: AgreementOut | None
    cities: list[CityOut]
    city_code: str
    can_claim: bool
    order_no: str | None

    @classmethod
    def of(cls, view: ClaimView) -> Self:
        """From the service."""
        order = view.order
        return cls(
            marketplace=MARKETPLACE_LABELS[order.source],
            shop=view.shop.name,
            number_tail=order.number[-4:],
            state=order.state,
            label=view.order_label or LABELS[order.state],
            paid_fen=order.paid_fen,
            lines=[
                ClaimedLineOut(
                    product=line.product,
                    specification=line.specification,
                    pattern=pattern_out(line.pattern),
                    bottles=line.bottles,
                    paid_fen=line.paid_fen,
                )
                for line in view.lines
            ],
            agreement=None
            if view.agreement is None
            else AgreementOut.model_validate(view.agreement),
            cities=[CityOut(code=city.code, name=city.name) for city in view.cities],
            city_code=view.city_code,
            can_claim=view.can_claim,
            order_no=view.order_no,
        )


class ClaimedOut(Answer):
    """The order is placed and goes to its review."""

    state: str
    label: str
