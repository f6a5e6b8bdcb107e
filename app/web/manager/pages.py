"""The manager's pages as one group."""

from app.core.unit import Router
from app.identity.models import Role
from app.kpi.api.callers import SEES_ALL
from app.web.common.registration import Entry, Pages
from app.web.manager import dashboard, details, findings, kpi, months, stand_ins
from app.web.manager.asking import HOME

router = Router(include_in_schema=False)
for group in (dashboard, kpi, details, findings, months, stand_ins):
    router.include_router(group.router)

PAGES = Pages(
    "manager",
    router,
    entries=[
        Entry(
            "运营看板",
            HOME,
            icon="speedometer2",
            roles=frozenset({*SEES_ALL, Role.STATION_MANAGER}),
            summary="今早送奶进度与八项指标",
        )
    ],
)
