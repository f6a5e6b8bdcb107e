"""JSON endpoints of billing."""

from fastapi import APIRouter

router = APIRouter(tags=["billing"])
