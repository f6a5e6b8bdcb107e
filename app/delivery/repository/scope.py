"""What a statement of the plan speaks of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause

_LINE = " AND {alias}.customer_id = :customer_id AND {alias}.order_line_id = :order_line_id"
_NOTICED = """ AND ({alias}.customer_id, {alias}.order_line_id) IN (
    SELECT x.customer_id, x.order_line_id FROM plan_exceptions x
    WHERE x.service_date = :service_date AND x.resolution IS NULL)"""
_ALIASES = ("t", "p", "e", "d")


@dataclass(frozen=True, slots=True)
class DayScope:
    """A date and stations; of these one line only, or only lines that are set aside."""

    service_date: date
    stations: Collection[UUID]
    line: tuple[UUID, UUID] | None = None
    noticed: bool = False

    def bind(self, sql: str, **more: object) -> tuple[TextClause, dict[str, object]]:
        """The statement for this scope, and its values.

        `{only t}` in it stands for the condition on a table's alias, `{customer d}` for the one on
        the customer alone.
        """
        values: dict[str, object] = {
            "service_date": self.service_date,
            "stations": list(self.stations),
            **more,
        }
        if self.line is not None:
            if "{only" in sql or "{customer" in sql:
                values["customer_id"] = self.line[0]
            if "{only" in sql:
                values["order_line_id"] = self.line[1]
        for alias in _ALIASES:
            sql = sql.replace(f"{{only {alias}}}", self._only(alias))
            customer = "" if self.line is None else f" AND {alias}.customer_id = :customer_id"
            sql = sql.replace(f"{{customer {alias}}}", customer)
        return text(sql), values

    def _only(self, alias: str) -> str:
        if self.line is not None:
            return _LINE.format(alias=alias)
        return _NOTICED.format(alias=alias) if self.noticed else ""
