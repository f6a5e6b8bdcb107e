"""JSON endpoints of coldchain."""

from fastapi import APIRouter

router = APIRouter(tags=["coldchain"])
