"""JSON endpoints of KPIs (S1 5.2.1), cut by noun."""

from app.core.unit import Router
from app.kpi.api import exports, figures, findings, live, months, mornings, trends

router = Router(tags=["kpi"])
# Before the figures: `/kpi/{key}` would take every other word for a key.
router.include_router(mornings.router)
router.include_router(live.router)
router.include_router(trends.router)
router.include_router(findings.router)
router.include_router(months.router)
router.include_router(exports.router)
router.include_router(figures.router)
