"""JSON endpoints of network, by noun."""

from fastapi import APIRouter

from app.network.api import blocks, coverage, stations

router = APIRouter(tags=["network"])
router.include_router(stations.router)
router.include_router(blocks.router)
router.include_router(coverage.router)
