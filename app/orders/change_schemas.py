"""JSON shapes of changes to an order. Amounts are integer fen, dates service dates."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from app.core.money import Fen
from app.core.schemas import Answer, OptionalText, Request


class SkipIn(Request):
    """No milk on one day; it rolls to the end."""

    kind: Literal["skip"]
    date: date


class PauseIn(Request):
    """No milk from a day to a day (both included); it rolls to the end."""

    kind: Literal["pause"]
    from_date: date
    until_date: date


class ResumeIn(Request):
    """Milk again from a day on (恢复出奶); later pauses and skips fall away."""

    kind: Literal["resume"]
    from_date: date


class CancelIn(Request):
    """End the order; what was delivered is kept, the rest is refunded."""

    kind: Literal["cancel"]
    reason: OptionalText | None = None


ChangeIn = Annotated[SkipIn | PauseIn | ResumeIn | CancelIn, Field(discriminator="kind")]


class ChangedDayOut(Answer):
    """Bottles of one day before and after."""

    date: date
    bottles_before: int
    bottles_after: int


class LineEffectOut(Answer):
    """What a change does to one line."""

    line_id: str
    days: list[ChangedDayOut]
    end_date_before: date | None
    end_date_after: date | None
    refund_fen: Fen


class PreviewOut(Answer):
    """What would happen; `token` makes exactly this happen."""

    kind: str
    effective_date: date
    first_possible_date: date
    refund_fen: Fen
    lines: list[LineEffectOut]
    token: str


class ChangeApplyIn(Request):
    """Do what the preview showed."""

    token: Annotated[str, Field(min_length=60, max_length=4000, pattern=r"^[A-Za-z0-9_=-]+$")]


class ChangeOut(Answer):
    """The receipt of a change."""

    id: str
    kind: str
    effective_date: date
    refund_fen: Fen
    lines: list[LineEffectOut]
    at: datetime
