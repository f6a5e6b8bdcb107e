"""Fields that are not the caller's to set: refused by name at every endpoint, and nothing changes."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories.world import World
from tests.hostile.surface import Operation, document, resolved, rows, with_body

READ_ONLY: Mapping[str, Any] = {
    "id": "ord_x",
    "customer_id": "00000000-0000-7000-8000-000000000000",
    "status": "delivering",
    "role": "admin",
    "roles": ["admin"],
    "is_admin": True,
    "price_fen": 1,
    "paid_fen": 1,
    "unit_price_fen": 1,
    "refund_fen": 1,
    "captured_fen": 1,
    "balance_fen": 1_000_000,
    "paid_at": "2026-03-15T00:00:00Z",
    "approved_by": "me",
    "restored_bottles": 99,
    "version": 99,
    "__class__": "x",
    "constructor": {"prototype": {}},
}
VERIFIED_BY_SIGNATURE = "/api/v1/channels/"
RECEIPTS = "/api/v1/sms/"
LINKS = "/api/v1/links/"
OURS = [
    one for one in with_body() if not one.path.startswith((VERIFIED_BY_SIGNATURE, RECEIPTS, LINKS))
]
"""Bodies whose form is ours to say; channels send what their protocol says. Who holds no link is
refused before his body is read."""


@pytest.mark.parametrize("operation", OURS, ids=str)
async def test_what_is_read_only_is_refused_by_name(
    client: httpx.AsyncClient, world: World, session: AsyncSession, operation: Operation
) -> None:
    before = await rows(session)
    known = set(operation.fields) | set(inner_fields(operation))
    body = {name: value for name, value in READ_ONLY.items() if name not in known}
    answer = await client.request(
        operation.method, operation.url, json=body, headers=operation.headers(world)
    )
    assert answer.status_code == 422, answer.text
    told = {
        error["field"].rpartition(".")[2]
        for error in answer.json()["errors"]
        if error["code"] == "extra_forbidden"
    }
    if "discriminator" not in resolved(operation.schema or {}):
        assert told == body.keys(), answer.text
    assert await rows(session) == before


@pytest.mark.parametrize(
    "operation", [one for one in with_body() if one.path.startswith(LINKS)], ids=str
)
def test_a_body_behind_a_link_takes_no_other_field(operation: Operation) -> None:
    assert resolved(operation.schema or {})["additionalProperties"] is False


def inner_fields(operation: Operation) -> Iterator[str]:
    for choice in resolved(operation.schema or {}).get("oneOf", ()):
        yield from resolved(choice).get("properties", {})


def objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every object a body may hold, at any depth."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            schema = resolved(schema)
        if "properties" in schema:
            yield schema
        for name, inner in schema.items():
            if not name.startswith("x-"):
                yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


@pytest.mark.parametrize("operation", OURS, ids=str)
def test_no_object_in_a_body_takes_what_it_does_not_name(operation: Operation) -> None:
    assert document()
    for found in objects(operation.schema):
        assert found.get("additionalProperties") is False, found
