"""Fixtures of the foundation."""

import pytest
import structlog

from tests.fixtures.foundation import context, foundation, real

__all__ = ["context", "foundation", "plain_tracebacks", "real"]


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Short tracebacks: drawing boxes around every local variable takes seconds."""
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], console])
