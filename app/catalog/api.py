"""JSON endpoints of catalog."""

from fastapi import APIRouter

router = APIRouter(tags=["catalog"])
