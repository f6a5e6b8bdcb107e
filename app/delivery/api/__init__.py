"""JSON endpoints of delivery."""

from fastapi import APIRouter

from app.delivery.api import book, recording, routes, sync, withdrawal

router = APIRouter(tags=["delivery"])
router.include_router(sync.router)
router.include_router(routes.router)
router.include_router(book.router)
router.include_router(recording.router)
router.include_router(withdrawal.router)
