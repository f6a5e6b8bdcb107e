"""JSON endpoints of kpi."""

from fastapi import APIRouter

router = APIRouter(tags=["kpi"])
