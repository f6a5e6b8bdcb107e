"""Routes of the service desk, in the order in which addresses are compared."""

from app.aftersales.rights import READERS
from app.core.unit import Router
from app.identity.models import Role
from app.web.common.registration import Entry, Pages
from app.web.servicedesk import acts, filing, queue, reviews, telephone, tickets, visits

router = Router()
router.include_router(queue.router)
router.include_router(filing.router)
router.include_router(visits.router)
router.include_router(reviews.router)
router.include_router(telephone.router)
router.include_router(acts.router)
router.include_router(tickets.router)

PAGES = Pages(
    "servicedesk",
    router,
    entries=[
        Entry(
            "客服工单",
            "/service",
            icon="headset",
            roles=frozenset(READERS),
            summary="投诉与请求、时限、回访、电话下单",
            home_of=frozenset({Role.SERVICE_AGENT}),
        ),
        Entry(
            "地址审核",
            "/service/reviews",
            icon="geo-alt",
            roles=frozenset({Role.REVIEWER}),
            summary="系统不能判定的地址，选区块或退款",
        ),
    ],
)
