"""Background jobs of identity."""

from app.core.jobs import JobSpec
from app.core.schedule import Schedule

JOBS: list[JobSpec] = []
SCHEDULES: list[Schedule] = []
