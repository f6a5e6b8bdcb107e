"""Order terms as plain values: patterns, laying bottles out over days, value.

Nothing here knows a database.
"""

from app.orders.rules.laying_out import (
    MAX_HORIZON_DAYS,
    BeyondHorizon,
    Rebuilt,
    lay_out,
    lay_out_course,
    rebuild,
)
from app.orders.rules.patterns import (
    MAX_BOTTLES,
    MAX_INTERVAL_DAYS,
    MAX_QUANTITY,
    ONE_DAY,
    Course,
    Pattern,
    Placement,
    Stock,
    Term,
    bottles_between,
)
from app.orders.rules.terms import (
    affected_days,
    bottles_from,
    changed_products,
    end_date,
    fixed_from,
    gaps_from,
    gifts_by_day,
    stock_from,
)

__all__ = [
    "MAX_BOTTLES",
    "MAX_HORIZON_DAYS",
    "MAX_INTERVAL_DAYS",
    "MAX_QUANTITY",
    "ONE_DAY",
    "BeyondHorizon",
    "Course",
    "Pattern",
    "Placement",
    "Rebuilt",
    "Stock",
    "Term",
    "affected_days",
    "bottles_between",
    "bottles_from",
    "changed_products",
    "end_date",
    "fixed_from",
    "gaps_from",
    "gifts_by_day",
    "lay_out",
    "lay_out_course",
    "rebuild",
    "stock_from",
]
