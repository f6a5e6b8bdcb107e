"""Routes of the household's pages, in the order in which addresses are compared."""

from app.core.unit import Router
from app.web.common.registration import Face, Pages
from app.web.customer import (
    account,
    changing,
    days,
    entering,
    home,
    invoices,
    links,
    money,
    ordering,
    orders,
    paying,
    tickets,
)

router = Router()
router.include_router(home.router)
router.include_router(entering.router)
router.include_router(ordering.router)
router.include_router(days.router)
router.include_router(changing.router)
router.include_router(paying.router)
router.include_router(invoices.router)
router.include_router(orders.router)
router.include_router(money.router)
router.include_router(tickets.router)
router.include_router(account.router)
router.include_router(links.router)

PAGES = Pages(
    "customer",
    router,
    face=Face(
        layout="customer/base.html", login="/enter", paths=("/", "/enter", "/order", "/news", "/my")
    ),
)
