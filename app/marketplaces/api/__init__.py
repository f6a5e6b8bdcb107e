"""JSON endpoints of marketplaces, cut by who calls them."""

from fastapi import APIRouter

from app.marketplaces.api import links, orders, push, shops

router = APIRouter(tags=["marketplaces"])
for part in (shops, orders, push, links):
    router.include_router(part.router)
