"""The matrix role × endpoint, row by row, read from the routes themselves.

`rights.txt` holds one row per route: method, path, and who is let in (`-` for anyone). A new route
without a row fails, and so does a row whose route is gone.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.core.http import PROBLEM
from app.identity.access import Allow, open_to_all
from app.identity.models import Role
from tests.factories.world import World, once
from tests.fixtures.application import built_app

ANYONE = "-"
ROWS = Path(__file__).with_name("rights.txt")


def rows() -> dict[tuple[str, str], frozenset[str]]:
    table: dict[tuple[str, str], frozenset[str]] = {}
    for text in ROWS.read_text().splitlines():
        if text.strip() and not text.startswith("#"):
            method, path, roles = text.split(maxsplit=2)
            table[method, path] = frozenset(roles.split())
    return table


def dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from dependants(inner)


def rights_of(dependant: Dependant) -> frozenset[str] | None:
    for item in dependants(dependant):
        if isinstance(item.call, Allow):
            return frozenset(role.value for role in item.call.roles)
        if item.call is open_to_all:
            return frozenset({ANYONE})
    return None


def routes(app: FastAPI) -> Iterator[tuple[str, str, frozenset[str] | None]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            for method in sorted(context.methods or ()):
                yield method, context.path or "", rights_of(context.dependant)


def problem_code(answer: httpx.Response) -> str | None:
    is_problem = answer.headers.get("content-type") == PROBLEM
    return answer.json()["code"] if is_problem else None


TABLE = rows()


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    found = {(method, path): rights for method, path, rights in routes(built_app())}
    assert found == TABLE


def call(method: str, path: str) -> tuple[str, str]:
    filled = path.split("{")
    plain = filled[0] + "".join("x" + part.partition("}")[2] for part in filled[1:])
    return method, "http://test" + plain


@pytest.mark.parametrize("key", sorted(TABLE), ids=" ".join)
async def test_only_the_named_roles_pass(
    key: tuple[str, str], client: httpx.AsyncClient, world: World
) -> None:
    allowed = TABLE[key]
    if allowed == {ANYONE}:
        return
    method, url = call(*key)
    anonymous = await client.request(method, url, headers=once())
    assert anonymous.status_code == 401
    assert anonymous.json()["code"] == "not_authenticated"
    for role in Role:
        headers = (world.household if role is Role.CUSTOMER else world.staff[role]).headers
        answer = await client.request(method, url, headers=headers | once())
        if role.value in allowed:
            code = problem_code(answer)
            assert answer.status_code != 401, role
            assert code != "forbidden", role
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), role
