"""Fixtures of the foundation, and the process that forks the others."""

import multiprocessing.context

import pytest

from tests.fixtures.foundation import context, foundation, real

__all__ = ["context", "forks", "foundation", "real"]


@pytest.fixture(scope="session")
def forks() -> multiprocessing.context.ForkServerContext:
    """A process that has imported everything once and forks workers and web processes."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.processes.worker_entry", "tests.processes.web_entry"])
    return made
