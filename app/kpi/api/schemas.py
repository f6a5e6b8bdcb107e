"""Shapes of the KPI endpoints. Values are decimal texts: no KPI passes through a float."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from app.core.schemas import Answer, Request
from app.kpi.definitions import Definition
from app.kpi.repository.rows import KpiRow
from app.kpi.service import KpiResult

TargetValue = Annotated[Decimal, Field(gt=0, le=100_000, max_digits=9, decimal_places=3)]
BusinessDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


class KpiOut(Answer):
    """One KPI; `value` in `unit`, two decimals; null where there is no data, with the reason."""

    key: str
    title: str
    value: Decimal | None
    unit: str
    target: Decimal
    direction: str
    status: str
    numerator: int
    denominator: int
    reason: str | None
    beside: dict[str, Any]


class KpisOut(Answer):
    """The KPIs of a period and scope, as known at `as_of`."""

    from_date: date
    to_date: date
    scope: str
    as_of: datetime
    items: list[KpiOut]


class KpiRowOut(Answer):
    """A row behind a KPI and what it adds to it."""

    kind: str
    id: str
    at: date | datetime
    numerator: int
    denominator: int
    facts: dict[str, Any]


class DefinitionOut(Answer):
    """What a KPI counts."""

    key: str
    title: str
    clause: str
    unit: str
    target: Decimal
    direction: str
    scopes: list[str]
    numerator: str
    denominator: str
    text: str


class TargetIn(Request):
    """A target from a date on, in the KPI's unit."""

    value: TargetValue
    from_date: BusinessDate


class TargetOut(Answer):
    """A target of the operator; `until` is the last day, none while it holds."""

    key: str
    value: Decimal
    from_date: date
    until: date | None


class TargetsOut(Answer):
    """Every target the operator has set."""

    items: list[TargetOut]


def present_kpi(result: KpiResult) -> KpiOut:
    """One KPI for the API."""
    return KpiOut(
        key=result.definition.key,
        title=result.definition.title,
        value=result.verdict.value,
        unit=result.definition.unit,
        target=plain(result.target),
        direction=result.definition.direction,
        status=result.verdict.status,
        numerator=result.measured.numerator,
        denominator=result.measured.denominator,
        reason=result.measured.reason,
        beside=dict(result.measured.beside),
    )


def plain(value: Decimal) -> Decimal:
    """95.000 as 95, 4.500 as 4.5."""
    whole = value.to_integral_value()
    return whole if whole == value else value.normalize()


def present_row(row: KpiRow) -> KpiRowOut:
    """One row for the API."""
    return KpiRowOut.model_validate(row)


def present_definition(definition: Definition) -> DefinitionOut:
    """A definition for the API."""
    return DefinitionOut(
        key=definition.key,
        title=definition.title,
        clause=definition.clause,
        unit=definition.unit,
        target=definition.target,
        direction=definition.direction,
        scopes=sorted(definition.scopes),
        numerator=definition.numerator,
        denominator=definition.denominator,
        text=definition.text,
    )
