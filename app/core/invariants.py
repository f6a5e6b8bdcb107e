"""Runs the invariants of `invariants.sql`: what must be true of the whole database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SHOWN: Final = 100
"""So many offending rows of each invariant are answered."""

_FILE: Final = Path(__file__).with_suffix(".sql")
_NAME: Final = re.compile(r"^-- name: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One named query that answers the rows breaking it."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, with the first offending rows."""

    name: str
    rows: tuple[Mapping[str, Any], ...]


@cache
def list_invariants() -> tuple[Invariant, ...]:
    """All invariants, in the order of the file."""
    parts = _NAME.split(_FILE.read_text())
    names, queries = parts[1::2], parts[2::2]
    return tuple(
        Invariant(name.strip(), sql.strip()) for name, sql in zip(names, queries, strict=True)
    )


async def check_invariants(session: AsyncSession, *, now: datetime) -> list[Violation]:
    """Run every invariant; `now` is the business instant (UTC). An empty list: all hold."""
    violations = []
    for invariant in list_invariants():
        statement = text(f"SELECT * FROM ({invariant.sql}) offending LIMIT {SHOWN}")
        if ":now" in invariant.sql:
            statement = statement.bindparams(now=now)
        found = tuple(dict(row) for row in (await session.execute(statement)).mappings())
        if found:
            violations.append(Violation(invariant.name, found))
    return violations
