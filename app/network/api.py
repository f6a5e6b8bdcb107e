"""JSON endpoints of network."""

from fastapi import APIRouter

router = APIRouter(tags=["network"])
