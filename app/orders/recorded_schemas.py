"""JSON shapes of changes recorded at the door."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from app.core.ids import public_pair, public_single
from app.core.money import Fen
from app.core.schemas import Answer, Request, ShortText
from app.orders.change_schemas import (
    ChangeOut,
    ChangeQuantityIn,
    LineEffectOut,
    PauseIn,
    ResumeIn,
    SkipIn,
)
from app.orders.changes.previews import Effect
from app.orders.changes.recording import Recorded
from app.orders.changes_presenting import change_out, lines_out
from app.orders.models import ConfirmationPolicy, Order, OrderChange

RecordableIn = Annotated[
    SkipIn | PauseIn | ResumeIn | ChangeQuantityIn, Field(discriminator="kind")
]
RecordableKind = Literal["skip", "pause", "resume", "change_quantity"]


class RecordIn(Request):
    """What a household asked for at its door, about a line of the deliverer's route sheet.

    `whole_order`: about every line of its order, which one quantity cannot be.
    """

    line_id: ShortText
    whole_order: bool = False
    change: RecordableIn


class RecordPreviewOut(Answer):
    """What it would do; nothing is written down yet."""

    kind: str
    effective_date: date
    first_possible_date: date
    credit_fen: Fen
    lines: list[LineEffectOut]
    needs_confirmation: bool

    @classmethod
    def of(cls, customer_id: UUID, effect: Effect, *, waits: bool) -> Self:
        """From the service."""
        return cls(
            kind=effect.wanted.kind,
            effective_date=effect.effective_date,
            first_possible_date=effect.first_possible_date,
            credit_fen=effect.credit_fen,
            lines=lines_out(customer_id, effect.as_json()),
            needs_confirmation=waits,
        )


class RecordedOut(Answer):
    """A record as its deliverer sees it."""

    id: str
    order_id: str
    order_no: str
    change: ChangeOut
    confirm_before_at: datetime | None
    confirmed_at: datetime | None

    @classmethod
    def of(cls, change: OrderChange, order: Order) -> Self:
        """From the rows."""
        return cls(
            id=public_pair("chg", change.customer_id, change.change_id),
            order_id=public_pair("ord", order.customer_id, order.order_id),
            order_no=order.order_no,
            change=change_out(change),
            confirm_before_at=change.confirm_before_at,
            confirmed_at=change.confirmed_at,
        )


class RecordedAsked(Answer):
    """What a household is asked to confirm, as things are now; also `about` of its link.

    `seen` names what is shown and is given back with the yes. None: it cannot be confirmed, since
    it does not wait any more or for the `refusal` named.
    """

    order_no: str
    change: ChangeOut
    confirm_before_at: datetime | None
    effective_date: date | None
    credit_fen: Fen
    lines: list[LineEffectOut]
    has_changed: bool
    """It is not quite what was written down: a day has closed, or the order has changed since."""
    seen: str | None
    refusal: str | None
    refusal_title: str | None

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        """From the service."""
        change, effect = recorded.change, recorded.effect
        shown = change.preview if effect is None else effect.as_json()
        return cls(
            order_no=recorded.order.order_no,
            change=change_out(change),
            confirm_before_at=change.confirm_before_at,
            effective_date=change.effective_date if effect is None else effect.effective_date,
            credit_fen=shown.get("credit_fen", 0),
            lines=lines_out(change.customer_id, shown),
            has_changed=recorded.has_changed,
            seen=recorded.seen,
            refusal=None if recorded.refusal is None else recorded.refusal.code,
            refusal_title=None if recorded.refusal is None else recorded.refusal.title,
        )


class ConfirmIn(Request):
    """The household's yes to what it saw."""

    seen: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ConfirmationRuleIn(Request):
    """Whether a kind waits for the household's word, from a day to come on."""

    kind: RecordableKind
    from_date: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]
    needs_confirmation: bool


class ConfirmationRuleOut(Answer):
    """A rule with its days, both included; null is without end."""

    id: str
    kind: str
    from_date: date | None
    until_date: date | None
    needs_confirmation: bool

    @classmethod
    def of(cls, rule: ConfirmationPolicy) -> Self:
        """From the row."""
        upper = rule.valid.upper
        return cls(
            id=public_single("cfr", rule.id),
            kind=rule.kind,
            from_date=rule.valid.lower,
            until_date=None if upper is None else upper - timedelta(days=1),
            needs_confirmation=rule.needs_confirmation,
        )


class ConfirmationRulesOut(Answer):
    """Every rule ever in force; a kind without one waits for the household."""

    items: list[ConfirmationRuleOut]
