"""JSON shapes of changes to an order. Amounts are integer fen, dates service dates."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.core.ids import public_single
from app.core.money import Fen
from app.core.schemas import Answer, LongText, OptionalText, Request, ShortText
from app.orders.models import CancelPolicy
from app.orders.schemas import Bottles, EveryDays, PatternIn, Weekdays
from app.orders.states import CardArithmetic, ChangeStatus, Fault, Settlement

LineId = ShortText
Settle = Literal["period", "money"]
WholeNumber = Annotated[int, Field(ge=-9999, le=9999, strict=True)]
"""The domain says which quantities are possible, with a code of its own."""


class OnLine(Request):
    """A change that may name one line of the order; needed when there are several."""

    line_id: LineId | None = None


class SkipIn(OnLine):
    """No milk on one day; it rolls to the end, or becomes balance (`settle: money`)."""

    kind: Literal["skip"]
    date: date
    settle: Settle = "period"


class PauseIn(OnLine):
    """No milk from a day to a day (both included), or until a resume when no last day is named.

    What was not brought rolls to the end, or becomes balance (`settle: money`).
    """

    kind: Literal["pause"]
    from_date: date
    until_date: date | None = None
    settle: Settle = "period"


class ResumeIn(OnLine):
    """Milk again from a day on (恢复出奶); later pauses and skips fall away."""

    kind: Literal["resume"]
    from_date: date


class OneDayQuantityIn(OnLine):
    """Another quantity on one day."""

    kind: Literal["one_day_quantity"]
    date: date
    quantity: WholeNumber


class OneDayProductIn(OnLine):
    """Another product on one day, bottle for bottle; the difference is credited or paid."""

    kind: Literal["one_day_product"]
    date: date
    product_id: ShortText


class ChangeQuantityIn(OnLine):
    """Another quantity on every delivery day, from a day on or as soon as possible."""

    kind: Literal["change_quantity"]
    from_date: date | None = None
    quantity: WholeNumber


class DatedQuantityIn(Request):
    """Bottles of one date."""

    date: date
    quantity: WholeNumber


class Dates(Request):
    """Milk on these dates only until the last of them, and then as before."""

    kind: Literal["dates"]
    dates: Annotated[list[DatedQuantityIn], Field(min_length=1, max_length=62)]


class ChangePatternIn(OnLine):
    """Other delivery days, from a day on or as soon as possible."""

    kind: Literal["change_pattern"]
    from_date: date | None = None
    pattern: Annotated[EveryDays | Weekdays | Dates, Field(discriminator="kind")]


class SwapIn(OnLine):
    """Another product for all that is still to come (随心换).

    `settle: money` keeps the bottles (a dearer product is paid, a cheaper one credited), `period`
    keeps the value (fewer bottles of a dearer product, more of a cheaper one).
    """

    kind: Literal["swap"]
    from_date: date | None = None
    product_id: ShortText
    settle: Settle = "period"


class AddProductIn(Request):
    """One more product on the order, paid by itself; either `bottles` or `cycle_days`."""

    kind: Literal["add_product"]
    from_date: date | None = None
    product_id: ShortText
    pattern: PatternIn
    bottles: Bottles | None = None
    cycle_days: Annotated[int, Field(ge=1, le=730, strict=True)] | None = None

    @model_validator(mode="after")
    def one_length(self) -> Self:
        """Exactly one of the two says how long."""
        if (self.bottles is None) == (self.cycle_days is None):
            raise ValueError("give either bottles or cycle_days")
        return self


class RenewIn(Request):
    """A new order that goes on where this one ends, paid by itself.

    A household accepts the order agreement by naming its version; for an agent's call the caller
    accepts it by the link of the SMS.
    """

    kind: Literal["renew"]
    agreement_version: ShortText | None = None
    source: Literal["web", "app", "mini_program"] = "web"


class MoveIn(Request):
    """To another of the household's addresses, in the same city (搬家).

    The address is reviewed first: the preview names the earliest day, the review fixes it.
    """

    kind: Literal["move"]
    from_date: date | None = None
    address_id: ShortText


class CancelIn(Request):
    """End the order; what was delivered is kept, the rest is refunded.

    Staff say `fault: operator` when it ends by our fault: then no discount is taken back.
    """

    kind: Literal["cancel"]
    reason: OptionalText | None = None
    fault: Fault | None = None


ChangeIn = Annotated[
    SkipIn
    | PauseIn
    | ResumeIn
    | OneDayQuantityIn
    | OneDayProductIn
    | ChangeQuantityIn
    | ChangePatternIn
    | SwapIn
    | AddProductIn
    | RenewIn
    | MoveIn
    | CancelIn,
    Field(discriminator="kind"),
]


class ChangedDayOut(Answer):
    """Bottles of one day before and after."""

    date: date
    bottles_before: int
    bottles_after: int


class ChangedProductOut(Answer):
    """A day that brings another product than before."""

    date: date
    product_before: str
    product_after: str


class LineEffectOut(Answer):
    """What a change does to one line."""

    line_id: str | None
    """None: the line the change adds."""
    days: list[ChangedDayOut]
    products: list[ChangedProductOut]
    end_date_before: date | None
    end_date_after: date | None
    refund_fen: Fen
    credit_fen: Fen


class SettledLineOut(Answer):
    """How a cancelled line is settled: what it is worth, what is kept, what goes back."""

    line_id: str
    settlement: Settlement
    label: str
    worth_fen: Fen
    bottles_kept: int
    kept_fen: Fen
    refund_fen: Fen
    unit_price_fen: Fen | None
    used_days: int | None = None
    """The term really used, where that is the arithmetic; null also for a line bought by bottles."""
    used_full_fen: Fen | None = None
    used_discount: str | None = None
    used_discount_fen: Fen | None = None


class SettlementOut(Answer):
    """The arithmetic of a cancelling, and the law it follows."""

    articles: str
    lines: list[SettledLineOut]


class PolicyIn(Request):
    """What cancelling gives back for orders bought from a day on."""

    from_date: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]
    articles: LongText
    full_refund_days: Annotated[int, Field(ge=0, le=90, strict=True)]
    card_days: Annotated[int, Field(ge=1, le=730, strict=True)] = 90
    card_arithmetic: CardArithmetic


class PolicyOut(Answer):
    """A policy with its days, both included; null is without end."""

    id: str
    from_date: date | None
    until_date: date | None
    articles: str
    full_refund_days: int
    card_days: int
    card_arithmetic: CardArithmetic

    @classmethod
    def of(cls, policy: CancelPolicy) -> Self:
        """From the row."""
        upper = policy.valid.upper
        return cls(
            id=public_single("cpl", policy.id),
            from_date=policy.valid.lower,
            until_date=None if upper is None else upper - timedelta(days=1),
            articles=policy.articles,
            full_refund_days=policy.full_refund_days,
            card_days=policy.card_days,
            card_arithmetic=policy.card_arithmetic,
        )


class PoliciesOut(Answer):
    """Every policy ever in force, by date."""

    items: list[PolicyOut]


class PreviewOut(Answer):
    """What would happen; `token` makes exactly this happen."""

    kind: str
    effective_date: date
    first_possible_date: date
    refund_fen: Fen
    credit_fen: Fen
    pay_fen: Fen
    resumes_date: date | None
    rule: str | None
    """How what is not brought is settled; of a cancelling, the policy."""
    settlement: SettlementOut | None
    review: Literal["covered", "unclear", "uncovered"] | None
    """Of a move: the verdict on the new address, which its review will go by."""
    lines: list[LineEffectOut]
    token: str


class ChangeApplyIn(Request):
    """Do what the preview showed."""

    token: Annotated[str, Field(min_length=60, max_length=4000, pattern=r"^[A-Za-z0-9_=-]+$")]


class ChangeOut(Answer):
    """The receipt of a change; one that costs money waits for its payment."""

    id: str
    kind: str
    label: str
    status: ChangeStatus
    status_label: str
    effective_date: date
    refund_fen: Fen
    credit_fen: Fen
    pay_fen: Fen
    pay_before_at: datetime | None
    rule: str | None
    resumes_date: date | None
    settlement: SettlementOut | None
    renewal_order_id: str | None
    """The order a renewal made: it is paid as any other."""
    address_id: str | None
    """Of a move: where to."""
    undoable: bool
    """Whether its kind can be undone; whether it still can, undoing says."""
    lines: list[LineEffectOut]
    actor: str
    at: datetime


class ChangesOut(Answer):
    """Changes of an order, oldest first."""

    items: list[ChangeOut]
