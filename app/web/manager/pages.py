"""The manager's pages as one group."""

from app.core.unit import Router
from app.identity.models import Role
from app.kpi.api.callers import SEES_ALL
from app.web.common.registration import Entry, Pages
from app.web.manager import (
    boxes,
    dashboard,
    details,
    findings,
    kpi,
    months,
    outside,
    stand_ins,
    terms,
)
from app.web.manager.asking import HOME

router = Router(include_in_schema=False)
for group in (dashboard, kpi, details, findings, months, stand_ins, terms, boxes, outside):
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
        ),
        Entry(
            "价目",
            terms.TERMS,
            icon="tags",
            roles=frozenset({Role.FINANCE, Role.SERVICE_AGENT}),
            summary="价格、折扣、促销和押金标准",
        ),
        Entry(
            "押金与奶箱",
            boxes.DEPOSITS,
            icon="box-seam",
            roles=frozenset({Role.FINANCE, Role.SERVICE_AGENT}),
            summary="待退押金、待装奶箱",
        ),
        Entry(
            "平台订单",
            outside.OUTSIDE,
            icon="bag",
            roles=outside.READERS,
            summary="天猫、京东订单的匹配与补址",
        ),
    ],
)
