"""JSON endpoints of workforce."""

from fastapi import APIRouter

router = APIRouter(tags=["workforce"])
