"""JSON endpoints of delivery."""

from fastapi import APIRouter

router = APIRouter(tags=["delivery"])
