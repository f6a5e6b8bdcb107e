"""JSON shapes of outside orders. Amounts are integer fen."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import model_validator

from app.core.ids import public_pair, public_single
from app.core.schemas import Answer, LongText, Request, ShortText
from app.customers.rules import mask_name, mask_phone
from app.marketplaces.models import ExternalLine, ExternalMove, ExternalRefund
from app.marketplaces.repository.reports import OrderFacts
from app.marketplaces.rules import is_masked
from app.marketplaces.service.reading import ExternalStory, ExternalView, Revealed
from app.marketplaces.service.sealing import open_receiver
from app.marketplaces.states import LABELS, Marketplace
from app.orders.states import LABELS as ORDER_LABELS
from app.orders.states import OrderStatus


class ExternalLineOut(Answer):
    """A position as the marketplace names it."""

    line_no: str
    sku: str
    title: str
    units: int
    paid_fen: int

    @classmethod
    def of(cls, line: ExternalLine) -> Self:
        """Of a row."""
        return cls.model_validate(line)


class OurOrderOut(Answer):
    """Our order behind it, with who brings it (S1 5.2.5)."""

    order_id: str
    order_no: str
    status: str
    label: str
    source: str | None
    outside_number: str | None
    placed_at: datetime
    confirmed_at: datetime | None
    block: str | None
    block_name: str | None
    deliverer: str | None
    deliverer_name: str | None

    @classmethod
    def of(cls, facts: OrderFacts) -> Self:
        """Of a row."""
        return cls(
            order_id=public_pair("ord", facts.customer_id, facts.order_id),
            order_no=facts.order_no,
            status=facts.status,
            label=ORDER_LABELS[OrderStatus(facts.status)],
            source=facts.source,
            outside_number=facts.outside_number,
            placed_at=facts.placed_at,
            confirmed_at=facts.confirmed_at,
            block=facts.block_code,
            block_name=facts.block_name,
            deliverer=None
            if facts.deliverer_id is None
            else public_single("dlv", facts.deliverer_id),
            deliverer_name=facts.deliverer_name,
        )


class ExternalOut(Answer):
    """An outside order; the receiver as far as it is masked."""

    id: str
    source: Marketplace
    shop: str
    number: str
    way: str
    state: str
    label: str
    reason: str | None
    paid_fen: int
    paid_at: datetime
    received_at: datetime
    changed_at: datetime
    receiver: str
    receiver_phone: str
    claim_links: int
    claim_by_sms: bool
    canvasser: str | None
    lines: list[ExternalLineOut]
    order: OurOrderOut | None

    @classmethod
    def of(cls, view: ExternalView) -> Self:
        """From the service."""
        order, receiver = view.order, open_receiver(view.order)
        return cls(
            id=public_single("mkt", order.external_id),
            source=order.source,
            shop=view.shop.code,
            number=order.number,
            way=order.way,
            state=order.state,
            label=LABELS[order.state],
            reason=order.reason,
            paid_fen=order.paid_fen,
            paid_at=order.paid_at,
            received_at=order.received_at,
            changed_at=order.changed_at,
            receiver=mask_name(receiver.name),
            receiver_phone=_masked_phone(receiver.phone),
            claim_links=order.claim_round,
            claim_by_sms=order.claimed_by_sms,
            canvasser=None
            if order.canvasser_id is None
            else public_single("dlv", order.canvasser_id),
            lines=[ExternalLineOut.of(line) for line in view.lines],
            order=None if view.facts is None else OurOrderOut.of(view.facts),
        )


def _masked_phone(text: str) -> str:
    if not text:
        return ""
    return text[:20] if is_masked(text) else mask_phone(text)


class MoveOut(Answer):
    """One move of an outside order."""

    from_state: str | None
    to_state: str
    at: datetime
    actor: str
    reason: str | None
    facts: dict[str, Any] | None

    @classmethod
    def of(cls, move: ExternalMove) -> Self:
        """Of a row."""
        return cls.model_validate(move)


class ExternalRefundOut(Answer):
    """A refund the marketplace has made, and what became of it here."""

    refund_no: str
    line_no: str | None
    amount_fen: int
    refunded_at: datetime
    mirrored_at: datetime | None
    outcome: str | None
    bottles: int
    difference_fen: int

    @classmethod
    def of(cls, refund: ExternalRefund) -> Self:
        """Of a row."""
        return cls.model_validate(refund)


class ExternalStoryOut(ExternalOut):
    """An outside order with its moves and refunds."""

    moves: list[MoveOut]
    refunds: list[ExternalRefundOut]

    @classmethod
    def of_story(cls, story: ExternalStory) -> Self:
        """From the service."""
        return cls(
            **ExternalOut.of(story.view).model_dump(),
            moves=[MoveOut.of(move) for move in story.moves],
            refunds=[ExternalRefundOut.of(refund) for refund in story.refunds],
        )


class DecisionIn(Request):
    """Place it with what was paid, or refuse it with a reason."""

    decision: Literal["place", "refuse"]
    reason: LongText | None = None

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.decision == "refuse" and self.reason is None:
            raise ValueError("a refusal gives its reason")
        return self


class DecidedOut(Answer):
    """The order after the decision."""

    id: str
    state: str
    label: str


class ClaimLinkOut(Answer):
    """A fresh link was made: sent, or to be copied from `GET …/claim-text`."""

    id: str
    sent_by: Literal["sms", "chat"]
    claim_links: int


class ClaimTextOut(Answer):
    """What an agent copies into the shop's chat."""

    text: str


class RevealIn(Request):
    """Why the receiver is needed in full."""

    reason: ShortText


class RevealedOut(Answer):
    """What the marketplace told."""

    name: str
    phone: str
    city: str
    district: str
    address: str
    raw: Any

    @classmethod
    def of(cls, revealed: Revealed) -> Self:
        """From the service."""
        return cls(**revealed.receiver.as_json(), raw=revealed.raw)


class PushedOut(Answer):
    """What became of a push: orders new, changed and known, and orders with new refunds."""

    new: int
    updated: int
    known: int
    refunds: int
