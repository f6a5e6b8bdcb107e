"""What an operator looks at when something is stuck: held jobs and open alerts."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from app.core import jobs
from app.core.alerts import list_open_alerts, resolve_alert
from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.schemas import Answer
from app.identity.access import Allow, Principal
from app.identity.models import Role

router = APIRouter(tags=["operations"])

JobNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
Operator = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.MANAGER))]


class HeldJobOut(Answer):
    """A job that failed for good."""

    id: int
    name: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    reason: str | None


class HeldJobs(Answer):
    """Held jobs, newest first."""

    items: list[HeldJobOut]


class AlertOut(Answer):
    """An open alert."""

    kind: str
    subject: str
    facts: dict[str, Any]
    raised_at: datetime


class Alerts(Answer):
    """Open alerts, newest first."""

    items: list[AlertOut]


@router.get("/jobs/held")
async def list_held_jobs(_: Operator, session: SessionDep) -> HeldJobs:
    """Jobs that wait for a person."""
    held = await jobs.list_held(session)
    return HeldJobs(items=[HeldJobOut.model_validate(job) for job in held])


@router.post("/jobs/held/{job_id}/requeue", status_code=204)
async def requeue_job(job_id: JobNumber, _: Operator, session: SessionDep) -> None:
    """Try a held job again."""
    if not await jobs.requeue_held(session, job_id):
        raise NotFound


@router.get("/alerts")
async def list_alerts(_: Operator, session: SessionDep) -> Alerts:
    """Open alerts."""
    found = await list_open_alerts(session)
    return Alerts(items=[AlertOut.model_validate(alert) for alert in found])


@router.post("/alerts/{kind}/{subject}/resolve", status_code=204)
async def close_alert(kind: str, subject: str, _: Operator, session: SessionDep) -> None:
    """Mark an alert as dealt with."""
    await resolve_alert(session, kind, subject)
