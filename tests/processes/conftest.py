"""Fixtures of the foundation, of installations, and of worker processes."""

from tests.fixtures.foundation import context, foundation, real
from tests.load.conftest import city, installation, people
from tests.processes.workers import forks, start

__all__ = [
    "city",
    "context",
    "forks",
    "foundation",
    "installation",
    "people",
    "real",
    "start",
]
