"""JSON endpoints of marketplaces, cut by who calls them."""

from app.core.unit import Router
from app.marketplaces.api import links, orders, push, shops

router = Router(tags=["marketplaces"])
for part in (shops, orders, push, links):
    router.include_router(part.router)
