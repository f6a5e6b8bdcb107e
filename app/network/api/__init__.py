"""JSON endpoints of network, by noun."""

from app.core.unit import Router
from app.network.api import blocks, coverage, dealers, stations

router = Router(tags=["network"])
router.include_router(stations.router)
router.include_router(blocks.router)
router.include_router(coverage.router)
router.include_router(dealers.router)
