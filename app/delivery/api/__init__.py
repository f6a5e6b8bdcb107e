"""JSON endpoints of delivery."""

from app.core.unit import Router
from app.delivery.api import book, liability, recording, resting, routes, settling, sync, withdrawal

router = Router(tags=["delivery"])
router.include_router(sync.router)
router.include_router(routes.router)
router.include_router(book.router)
router.include_router(recording.router)
router.include_router(resting.router)
router.include_router(withdrawal.router)
router.include_router(settling.router)
router.include_router(liability.router)
