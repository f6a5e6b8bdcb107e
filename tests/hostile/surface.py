"""The API as an attacker reads it: every operation, its body and who is let in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.base import Base
from app.identity.models import Role
from tests.architecture.test_rights import ANYONE, TABLE
from tests.factories.world import World, once
from tests.fixtures.application import built_app

JSON = "application/json"
NOTED = frozenset({"throttles", "security_events", "access_log", "idempotency_keys"})
"""Tables in which a refused request may leave its trace."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    schema: Mapping[str, Any] | None
    """Of its JSON body; None when it takes none."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def url(self) -> str:
        """With every id made up."""
        head, *parts = self.path.split("{")
        return "http://test" + head + "".join("x" + part.partition("}")[2] for part in parts)

    def headers(self, world: World) -> dict[str, str]:
        """Of somebody who is let in, under a fresh key."""
        allowed = TABLE.get((self.method, self.path), frozenset({ANYONE}))
        if ANYONE in allowed:
            return once()
        if Role.CUSTOMER.value in allowed:
            return world.household.headers | once()
        role = next(role for role in Role if role.value in allowed)
        return world.staff[role].headers | once()

    @property
    def fields(self) -> dict[str, Any]:
        """Properties of its body."""
        if self.schema is None:
            return {}
        return dict(resolved(self.schema).get("properties", {}))


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return built_app().openapi()


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema without its references, at its top."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][str(schema["$ref"]).rpartition("/")[2]]
    return schema


@cache
def operations() -> tuple[Operation, ...]:
    """All of them."""
    found = []
    for path, methods in document()["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            found.append(
                Operation(
                    method.upper(),
                    path,
                    tuple(said.get("parameters", ())),
                    content[JSON]["schema"] if JSON in content else None,
                )
            )
    return tuple(found)


def with_body() -> list[Operation]:
    """Those that take a body."""
    return [one for one in operations() if one.schema is not None]


async def rows(session: AsyncSession) -> dict[str, int]:
    """How many rows every table has, but for the traces of refusals."""
    names = sorted(set(Base.metadata.tables) - NOTED)
    counts = " UNION ALL ".join(f"SELECT '{name}', (SELECT count(*) FROM {name})" for name in names)
    return {str(name): int(count) for name, count in await session.execute(text(counts))}


def is_refusal(answer: httpx.Response) -> bool:
    """A 4xx that says what is wrong in the one form all answers have."""
    kind = answer.headers.get("content-type", "")
    return 400 <= answer.status_code < 500 and (
        kind == "application/problem+json" or (kind == JSON and answer.json()["code"] == "FAIL")
    )
