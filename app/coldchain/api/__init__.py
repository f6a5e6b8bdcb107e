"""JSON endpoints of coldchain, by noun."""

from app.coldchain.api import devices, readings, trips
from app.core.unit import Router

router = Router(tags=["coldchain"])
router.include_router(devices.router)
router.include_router(readings.router)
router.include_router(trips.router)
