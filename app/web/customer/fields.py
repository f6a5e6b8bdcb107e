"""Forms of changes, read off the shapes the engine takes: a kind that lands there appears here.

What a field is called and how it is filled in is known by its name; one that nobody has named yet
is drawn by its type.
"""

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from starlette.datastructures import FormData

from app.orders.change_schemas import ChangeIn
from app.orders.changes.kinds import KINDS
from app.web.customer.ordering import pattern_said

_ADAPTER: TypeAdapter[Any] = TypeAdapter(ChangeIn)
_LONGEST_NUMBER = 6


@dataclass(frozen=True, slots=True)
class Way:
    """How a field is called and drawn."""

    label: str
    widget: str
    hint: str = ""


_WAYS: Mapping[str, Way] = {
    "line_id": Way("哪一种产品", "line"),
    "date": Way("哪一天", "date"),
    "from_date": Way("从哪天起", "date"),
    "until_date": Way("到哪天为止", "date", "不填则一直停，恢复时再点“恢复出奶”"),
    "quantity": Way("每次瓶数", "number"),
    "product_id": Way("产品", "product"),
    "pattern": Way("哪些天送", "pattern"),
    "cycle_days": Way("订多久", "cycle"),
    "settle": Way("未送的奶怎么算", "settle"),
    "reason": Way("原因", "reason"),
    "address_id": Way("送到哪里", "address"),
    "agreement_version": Way("订奶协议", "agreement"),
}
_LEFT_OUT = frozenset({"kind", "bottles", "source", "fault"})
_ICONS: Mapping[str, str] = {
    "skip": "calendar-x",
    "pause": "pause-circle",
    "resume": "play-circle",
    "one_day_quantity": "plus-slash-minus",
    "one_day_product": "arrow-repeat",
    "change_quantity": "123",
    "change_pattern": "calendar-week",
    "swap": "arrow-left-right",
    "add_product": "bag-plus",
    "renew": "arrow-clockwise",
    "move": "geo-alt",
    "cancel": "x-circle",
}
"""Drawn with `icon=` in the template, which names them all for the sprite."""


LABELS: Mapping[str, str] = {kind: known.label for kind, known in KINDS.items()} | {"renew": "续订"}
"""A renewal leaves its order as it is, so the engine of changes does not know it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    widget: str
    hint: str
    required: bool


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """A kind of change and its fields."""

    kind: str
    label: str
    icon: str
    fields: tuple[Field, ...]

    @property
    def needs_address(self) -> bool:
        """Whether it asks for one of the household's addresses."""
        return self._has("address")

    @property
    def needs_agreement(self) -> bool:
        """Whether the order agreement is accepted with it."""
        return self._has("agreement")

    def _has(self, widget: str) -> bool:
        return any(one.widget == widget for one in self.fields)


@cache
def _shapes() -> Mapping[str, type[BaseModel]]:
    union = typing.get_args(ChangeIn)[0]
    shapes: tuple[type[BaseModel], ...] = typing.get_args(union)
    return {typing.get_args(shape.model_fields["kind"].annotation)[0]: shape for shape in shapes}


@cache
def change_forms() -> Mapping[str, ChangeForm]:
    """Every kind the engine knows and the API takes, in the engine's order."""
    shapes = _shapes()
    return {
        kind: ChangeForm(
            kind=kind,
            label=label,
            icon=_ICONS.get(kind, "pencil-square"),
            fields=tuple(
                _field(name, info)
                for name, info in shapes[kind].model_fields.items()
                if name not in _LEFT_OUT
            ),
        )
        for kind, label in LABELS.items()
        if kind in shapes
    }


def _field(name: str, info: FieldInfo) -> Field:
    way = _WAYS.get(name) or Way(info.title or name, _by_type(info.annotation))
    required = info.is_required() or way.widget in {"cycle", "settle", "agreement"}
    return Field(name, way.label, way.widget, way.hint, required)


def _by_type(annotation: Any) -> str:
    kinds = set(typing.get_args(annotation)) or {annotation}
    for kind, widget in ((date, "date"), (bool, "tick"), (int, "number")):
        if kind in kinds:
            return widget
    return "text"


def read_change(kind: str, form: FormData) -> Any:
    """A filled-in form as the API's shape; raises RequestValidationError naming the fields."""
    said: dict[str, Any] = {"kind": kind}
    for one in change_forms()[kind].fields:
        value = _said(one, form)
        if value is not None:
            said[one.name] = value
    try:
        return _ADAPTER.validate_python(said)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _said(one: Field, form: FormData) -> Any:
    text = str(form.get(one.name, "")).strip()
    if one.widget == "pattern":
        days = [str(day) for day in form.getlist("day")]
        return pattern_said(text, _number(str(form.get("pattern_quantity", ""))), days)
    if not text:
        return None
    if one.widget in {"number", "cycle"}:
        return _number(text)
    return True if one.widget == "tick" else text


def _number(text: str) -> int | str:
    plain = text.strip()
    is_number = plain.isascii() and plain.isdigit() and len(plain) <= _LONGEST_NUMBER
    return int(plain) if is_number else plain
