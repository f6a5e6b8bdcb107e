"""JSON endpoints of coldchain, by noun."""

from fastapi import APIRouter

from app.coldchain.api import devices, readings, trips

router = APIRouter(tags=["coldchain"])
router.include_router(devices.router)
router.include_router(readings.router)
router.include_router(trips.router)
