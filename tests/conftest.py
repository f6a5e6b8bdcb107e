"""Fixtures for every test: one PostgreSQL server, a cloned database per worker, rolled back."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures.doses import SOAK
from tests.fixtures.server import TEST_SERVER, start_server

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.application",
    "tests.fixtures.payments",
    "tests.fixtures.documents",
    "tests.fixtures.figures",
    "tests.fixtures.logs",
    "tests.fixtures.site",
]

for name, examples in (("test", 50), ("soak", 2000)):
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        derandomize=name == "test",
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile("soak" if SOAK else "test")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once, in the process that hands out work."""
    if not hasattr(config, "workerinput") and TEST_SERVER not in os.environ:
        config.stash[_STOP] = start_server(Path("var/test"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started here."""
    stop = config.stash.get(_STOP, None)
    if stop is not None:
        next(stop, None)


_STOP: pytest.StashKey[Iterator[None]] = pytest.StashKey()
