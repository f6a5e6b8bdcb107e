"""JSON endpoints of delivery."""

from app.core.unit import Router
from app.delivery.api import book, recording, resting, routes, sync, withdrawal

router = Router(tags=["delivery"])
router.include_router(sync.router)
router.include_router(routes.router)
router.include_router(book.router)
router.include_router(recording.router)
router.include_router(resting.router)
router.include_router(withdrawal.router)
