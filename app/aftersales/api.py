"""JSON endpoints of aftersales."""

from fastapi import APIRouter

router = APIRouter(tags=["aftersales"])
