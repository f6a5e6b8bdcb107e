"""Forms of terms: read in the units people write, refused at the field, shown before they count."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData, QueryParams

from app.catalog.errors import (
    DepositRateOverlap,
    DepositRateTooEarly,
    DiscountOverlap,
    DiscountTooEarly,
    PeriodInvalid,
    PriceCityUnknown,
    PriceOverlap,
    ProductUnknown,
    PromotionTooEarly,
)
from app.catalog.models import DepositKind, DepositRate, PeriodDiscount, ProductPrice, Promotion
from app.catalog.repository.terms import Term, TermKind
from app.catalog.schemas import DepositRateIn, DiscountIn, PriceIn, PromotionIn
from app.catalog.service import period_of
from app.core.errors import AppError
from app.core.ids import new_id, read_single
from app.core.money import fen_from_yuan
from app.web.common.problems import field_error

WHERE: Mapping[type[AppError], str] = {
    PriceOverlap: "from_date",
    PriceCityUnknown: "city_code",
    ProductUnknown: "product_id",
    PeriodInvalid: "to_date",
    DiscountOverlap: "from_date",
    DiscountTooEarly: "from_date",
    PromotionTooEarly: "from_date",
    DepositRateOverlap: "from_date",
    DepositRateTooEarly: "from_date",
}
"""The field that a refusal is said at."""
_FIELDS: Mapping[str, str] = {
    "price_fen": "amount",
    "amount_fen": "amount",
    "off_fen": "off_yuan",
    "off_permille": "off_fold",
}
_LONGEST_NUMBER = 12


@dataclass
class Filled:
    """What a form says, as typed, and what is wrong, by field; what is wrong with all of it at ""."""

    form: FormData | QueryParams
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """One field, stripped."""
        return str(self.form.get(name, "")).strip()

    def many(self, name: str) -> list[str]:
        """What is ticked."""
        return [str(value) for value in self.form.getlist(name)]

    def some(self, name: str) -> str | None:
        """One field; None where nothing is said."""
        return self.text(name) or None

    def fen(self, name: str) -> int | None:
        """Yuan, in fen."""
        said = self.text(name)
        if not said:
            return None
        try:
            return fen_from_yuan(said[: _LONGEST_NUMBER + 1])
        except ValueError:
            self.errors[name] = "请填金额，最多两位小数"
            return None

    def whole(self, name: str) -> int | None:
        """A whole number."""
        said = self.text(name)
        if not said:
            return None
        if not (said.isascii() and said.isdigit() and len(said) <= _LONGEST_NUMBER):
            self.errors[name] = "请填整数"
            return None
        return int(said)

    def off_permille(self, name: str) -> int | None:
        """A discount as dairies say it: 9.5 (折) is 50 permille less."""
        said = self.text(name)
        if not said:
            return None
        try:
            kept = Decimal(said[: _LONGEST_NUMBER + 1]) * 100
        except InvalidOperation:
            kept = Decimal("NaN")
        if not (
            kept.is_finite() and kept == kept.to_integral_value() and 100 <= kept <= 999
        ):  # 1 to 9.99
            self.errors[name] = "请填 1 到 9.99 之间的折数，如 9.5"
            return None
        return 1000 - int(kept)

    def need(self, *names: str) -> None:
        """These must be said."""
        for name in names:
            if not self.text(name):
                self.errors.setdefault(name, "必填")

    def one_of(self, names: Sequence[str], told: str) -> None:
        """Just one of these must be said."""
        if sum(bool(self.text(name)) for name in names) != 1:
            self.errors.setdefault(names[0], told)

    def refuse(self, error: AppError) -> None:
        """Say a refusal at its field."""
        self.errors[WHERE.get(type(error), "")] = error.title

    def shape(self, shape: type[BaseModel], said: Mapping[str, Any]) -> Any:
        """A request of the API; None when any field is wrong."""
        try:
            made = shape.model_validate(said)
        except ValidationError as error:
            made = None
            for one in error.errors():
                name = str(one["loc"][0]) if one["loc"] else ""
                if name or not self.errors:
                    self.errors.setdefault(_FIELDS.get(name, name), _told(one))
        return None if self.errors else made


def _told(error: ErrorDetails) -> str:
    bounds = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return f"不能小于 {bounds['ge']}"
        case "less_than_equal":
            return f"不能大于 {bounds['le']}"
        case "greater_than":
            return f"须大于 {bounds['gt']}"
        case "string_too_long":
            return f"最多 {bounds['max_length']} 个字"
        case "string_too_short" | "date_type" | "int_type":
            return field_error("missing")
    if error["type"].startswith("date_"):
        return field_error("date_parsing")
    return field_error(error["type"])


def _days(filled: Filled) -> dict[str, Any]:
    filled.need("from_date")
    return {"from_date": filled.some("from_date"), "to_date": filled.some("to_date")}


def _price(filled: Filled) -> Any:
    filled.need("product_id", "amount")
    return filled.shape(
        PriceIn,
        {
            "price_fen": filled.fen("amount"),
            "city_code": filled.some("city_code"),
            "channel": filled.some("channel"),
            **_days(filled),
        },
    )


def _discount(filled: Filled) -> Any:
    filled.need("name")
    filled.one_of(("min_days", "min_bottles"), "天数和瓶数填一项")
    filled.one_of(("off_fold", "off_yuan"), "折数和金额填一项")
    return filled.shape(
        DiscountIn,
        {
            "name": filled.text("name"),
            "product_id": filled.some("product_id"),
            "min_days": filled.whole("min_days"),
            "min_bottles": filled.whole("min_bottles"),
            "off_permille": filled.off_permille("off_fold"),
            "off_fen": filled.fen("off_yuan"),
            **_days(filled),
        },
    )


def _promotion(filled: Filled) -> Any:
    filled.need("name", "rule")
    if filled.text("buy_bottles") or filled.text("gift_bottles"):
        filled.need("buy_bottles", "gift_bottles")
        if filled.text("off_fold") or filled.text("off_yuan"):
            filled.errors.setdefault("off_fold", "赠奶、折数和立减只能填一项")
    else:
        filled.one_of(("off_fold", "off_yuan"), "赠奶、折数和立减填一项")
    return filled.shape(
        PromotionIn,
        {
            "name": filled.text("name"),
            "rule": filled.text("rule"),
            "product_ids": filled.many("product_ids") or None,
            "channel": filled.some("channel"),
            "buy_bottles": filled.whole("buy_bottles"),
            "gift_bottles": filled.whole("gift_bottles"),
            "off_permille": filled.off_permille("off_fold"),
            "off_fen": filled.fen("off_yuan"),
            "forbids": filled.many("forbids"),
            **_days(filled),
        },
    )


def _deposit(filled: Filled) -> Any:
    filled.need("amount")
    product = filled.some("product_id")
    return filled.shape(
        DepositRateIn,
        {
            "kind": DepositKind.BOX if product is None else DepositKind.BOTTLES,
            "product_id": product,
            "amount_fen": filled.fen("amount"),
            **_days(filled),
        },
    )


_READ: Mapping[TermKind, Callable[[Filled], Any]] = {
    TermKind.PRICES: _price,
    TermKind.DISCOUNTS: _discount,
    TermKind.PROMOTIONS: _promotion,
    TermKind.DEPOSITS: _deposit,
}


def read_form(kind: TermKind, filled: Filled) -> Any:
    """The form as a request of the API; None when it is refused, with `filled.errors`."""
    return _READ[kind](filled)


def _product(text: str | None) -> UUID | None:
    return None if text is None else read_single("prd", text)


def draft_of(kind: TermKind, filled: Filled, said: Any) -> Term:
    """The term that a form would make, not stored; raises PeriodInvalid, NotFound."""
    common = {"id": new_id(), "valid": period_of(said.from_date, said.to_date)}
    match kind:
        case TermKind.PRICES:
            return ProductPrice(
                **common,
                product_id=_product(filled.text("product_id")),
                price_fen=said.price_fen,
                city_code=said.city_code,
                channel=said.channel,
            )
        case TermKind.DISCOUNTS:
            values = said.model_dump(exclude={"product_id", "from_date", "to_date"})
            return PeriodDiscount(**common, product_id=_product(said.product_id), **values)
        case TermKind.PROMOTIONS:
            values = said.model_dump(exclude={"product_ids", "from_date", "to_date"})
            products = said.product_ids
            ids = None if products is None else [read_single("prd", one) for one in products]
            return Promotion(**common, product_ids=ids, **values)
        case TermKind.DEPOSITS:
            return DepositRate(
                **common,
                kind=said.kind,
                product_id=_product(said.product_id),
                amount_fen=said.amount_fen,
            )


def read_last_day(filled: Filled, today: date) -> date | None:
    """The last day somebody gives a term; None with an error at `to_date`."""
    try:
        last = date.fromisoformat(filled.text("to_date"))
    except ValueError:
        filled.errors["to_date"] = "请选择日期"
        return None
    if last < today:
        filled.errors["to_date"] = "最早今天"
        return None
    return last
