"""Fixtures of the foundation."""

from tests.fixtures.foundation import context, foundation, real

__all__ = ["context", "foundation", "real"]
