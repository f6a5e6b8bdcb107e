"""Background jobs of network."""

from app.core.jobs import JobSpec
from app.core.schedule import Schedule

JOBS: list[JobSpec] = []
SCHEDULES: list[Schedule] = []
