"""What an operator looks at when something is stuck, held jobs and open alerts; a demo's clock."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

import structlog
from fastapi import Depends, Path
from pydantic import AwareDatetime, Field, model_validator
from sqlalchemy import select

from app.core import jobs
from app.core.alerts import list_open_alerts, resolve_alert
from app.core.clock import FASTEST, BusinessClockRow, move_clock, wall_now
from app.core.db import SessionDep
from app.core.demo import require_demo
from app.core.errors import NotFound
from app.core.schemas import Answer, Request
from app.core.unit import Router
from app.identity.access import Allow, Principal
from app.identity.models import Role

log = structlog.get_logger()

router = Router(tags=["operations"])

JobNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
Operator = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.MANAGER))]
Administrator = Annotated[Principal, Depends(Allow(Role.ADMIN))]


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


class DemoClockIn(Request):
    """Where the clock is to stand, how many business seconds it counts in a second, or both."""

    at: (
        Annotated[
            AwareDatetime,
            Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2199, 12, 31, tzinfo=UTC)),
        ]
        | None
    ) = None
    speed: Annotated[float, Field(ge=0, le=FASTEST, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at is None and self.speed is None:
            raise ValueError("give at, speed or both")
        return self


class DemoClockOut(Answer):
    """A demo's business clock; `moved_at` is the wall clock's time of its last move."""

    at: datetime
    speed: float
    moved_at: datetime | None


@router.get("/demo/clock")
async def read_demo_clock(_: Administrator, session: SessionDep) -> DemoClockOut:
    """What a demo's business clock shows; there is none outside a demo."""
    await require_demo(session)
    row = await session.scalar(select(BusinessClockRow))
    if row is None:
        return DemoClockOut(at=wall_now(), speed=1.0, moved_at=None)
    return _demo_clock(row)


@router.post("/demo/clock")
async def move_demo_clock(
    caller: Administrator, session: SessionDep, body: DemoClockIn
) -> DemoClockOut:
    """Put a demo's business clock forward, never back, or give it a speed for ten minutes."""
    await require_demo(session)
    row = await move_clock(session, at=body.at, speed=body.speed)
    log.info(
        "demo.clock_moved",
        caller=str(caller.account_id),
        at=row.anchor_business_at.isoformat(),
        speed=row.speed,
    )
    return _demo_clock(row)


def _demo_clock(row: BusinessClockRow) -> DemoClockOut:
    wall = wall_now()
    return DemoClockOut(at=row.at(wall), speed=row.speed_at(wall), moved_at=row.anchor_wall_at)
