"""Request and answer shapes of texts and limits."""

from datetime import date, datetime, time
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.core.ids import public_single
from app.core.schemas import Answer, OptionalText, Request, ShortText, printable
from app.notifications.models import SmsRule, SmsTemplateCode
from app.notifications.rules import Limits
from app.notifications.service import NewRule, NewText, TemplateShown
from app.notifications.states import Approval, SmsAccount, SmsCategory
from app.notifications.templates import MAX_TEXT

_KindCode = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
_Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(printable),
]
_Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]
_Most = Annotated[int, Field(ge=1, le=1000, strict=True)]


def _naive(clock: time) -> time:
    if clock.tzinfo is not None:
        raise ValueError("a time of day has no zone: it is the operator's")
    return clock.replace(microsecond=0)


_Clock = Annotated[time, AfterValidator(_naive)]
_ProviderCode = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{0,60}$")]


class TemplateIn(Request):
    """The next text of a kind; hours of use that are not named stay.

    `useful_until` null: no time of day ends its use.
    """

    kind: _KindCode
    text: _Text
    from_date: _Day
    useful_minutes: Annotated[int, Field(ge=1, le=10_080, strict=True)] | None = None
    useful_until: _Clock | None = None

    def new(self) -> NewText:
        """As the service takes it."""
        return NewText(
            kind=self.kind,
            text=self.text,
            from_date=self.from_date,
            useful_minutes=self.useful_minutes,
            useful_until=self.useful_until,
            always_useful_until="useful_until" in self.model_fields_set
            and self.useful_until is None,
        )


class ApprovalIn(Request):
    """The provider's code of a text, and how far its review is."""

    provider_code: _ProviderCode
    approval: Approval
    note: OptionalText | None = None


class PreviewIn(Request):
    """A text to look at, or the one in force; values that are not given are samples."""

    kind: _KindCode
    text: _Text | None = None
    values: dict[ShortText, OptionalText] = Field(default={}, max_length=20)


class PreviewOut(Answer):
    """What a phone shows, the signature first; `parts` are billed one by one."""

    shown: str
    length: int
    parts: int
    objections: list[str]


class CodeOut(Answer):
    """A text at one account."""

    account: SmsAccount
    provider_code: str
    approval: Approval
    note: str | None
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, code: SmsTemplateCode) -> Self:
        """From the row."""
        return cls.model_validate(code)


class TemplateOut(Answer):
    """A text with its days, both included; null is without end."""

    id: str
    kind: str
    category: SmsCategory
    text: str
    variables: list[str]
    from_date: date | None
    until_date: date | None
    useful_minutes: int
    useful_until: time | None
    created_at: datetime
    created_by: str
    codes: list[CodeOut]

    @classmethod
    def of(cls, shown: TemplateShown) -> Self:
        """From the service."""
        row = shown.template
        upper = row.valid.upper
        return cls(
            id=public_single("smt", row.id),
            kind=row.kind,
            category=row.category,
            text=row.text,
            variables=row.variables,
            from_date=row.valid.lower,
            until_date=None if upper is None else date.fromordinal(upper.toordinal() - 1),
            useful_minutes=row.useful_minutes,
            useful_until=row.useful_until,
            created_at=row.created_at,
            created_by=row.created_by,
            codes=[CodeOut.of(code) for code in shown.codes],
        )


class Templates(Answer):
    """Every text ever in force."""

    items: list[TemplateOut]


class RuleIn(Request):
    """What one number may get of a category, from a day on; null is without limit.

    The hours in which it may be sent (operator's time) come both or not at all.
    """

    category: SmsCategory
    from_date: _Day
    per_minute: _Most | None
    per_hour: _Most | None
    per_day: _Most | None
    opens_at: _Clock | None = None
    closes_at: _Clock | None = None

    @model_validator(mode="after")
    def _hours(self) -> Self:
        if (self.opens_at is None) != (self.closes_at is None):
            raise ValueError("opens_at and closes_at come together")
        if self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise ValueError("opens_at is before closes_at")
        return self

    def new(self) -> NewRule:
        """As the service takes it."""
        return NewRule(
            category=self.category,
            from_date=self.from_date,
            limits=Limits(
                per_minute=self.per_minute,
                per_hour=self.per_hour,
                per_day=self.per_day,
                opens_at=self.opens_at,
                closes_at=self.closes_at,
            ),
        )


class RuleOut(Answer):
    """Limits with their days, both included; null is without end."""

    id: str
    category: SmsCategory
    from_date: date | None
    until_date: date | None
    per_minute: int | None
    per_hour: int | None
    per_day: int | None
    opens_at: time | None
    closes_at: time | None
    created_by: str

    @classmethod
    def of(cls, rule: SmsRule) -> Self:
        """From the row."""
        upper = rule.valid.upper
        return cls(
            id=public_single("smr", rule.id),
            category=rule.category,
            from_date=rule.valid.lower,
            until_date=None if upper is None else date.fromordinal(upper.toordinal() - 1),
            per_minute=rule.per_minute,
            per_hour=rule.per_hour,
            per_day=rule.per_day,
            opens_at=rule.opens_at,
            closes_at=rule.closes_at,
            created_by=rule.created_by,
        )


class Rules(Answer):
    """Every limit ever in force."""

    items: list[RuleOut]
