"""The ground holds: health, problems, ids, seals, slots."""

from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.crypto import Cell, SealBroken
from app.core.errors import NotFound
from app.core.ids import new_id, public_pair, read_pair, read_single
from app.identity.models import Role
from tests.factories.world import World
from tests.fixtures.application import test_keys


async def test_health_and_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("http://test/healthz")).json() == {"status": "ok"}
    ready = await client.get("http://test/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"


async def test_unknown_path_is_a_problem_with_a_code(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nothing-here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_held_jobs_are_for_operators(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.get("/jobs/held")).status_code == 401
    assert (await client.get("/jobs/held", headers=world.household.headers)).status_code == 403
    admin = await client.get("/jobs/held", headers=world.staff[Role.ADMIN].headers)
    assert admin.status_code == 200
    assert admin.json() == {"items": []}


@pytest.mark.parametrize(
    "text",
    [
        "prd_" + "a" * 25 + "b",  # as "a": the last two bits belong to no id
        "prd_" + "A" * 26,
        "prd_" + "a" * 25 + "1",
        "prd_" + "a" * 25 + "=",
        "prd_" + "a" * 25 + "\u0661",
        "prd_" + "a" * 27,
        "ord_" + "a" * 26,
        "prd",
        "",
    ],
)
def test_an_id_is_written_in_one_way_only(text: str) -> None:
    assert read_single("prd", "prd_" + "a" * 26) == UUID(int=0)
    with pytest.raises(NotFound):
        read_single("prd", text)


@given(st.uuids(), st.uuids())
def test_public_ids_return(customer: object, row: object) -> None:
    text = public_pair("ord", customer, row)  # type: ignore[arg-type]
    assert len(text) == 4 + 52
    assert read_pair("ord", text) == (customer, row)


@given(st.text(max_size=70))
def test_made_up_ids_are_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        read_pair("ord", "ord_" + text)


@given(st.text(max_size=200))
def test_a_seal_opens_only_in_its_cell(plain: str) -> None:
    keys = test_keys()
    cell = Cell("customers", "name", new_id())
    sealed = keys.seal(plain, cell)
    assert keys.open(sealed, cell) == plain
    for other in (
        Cell("customers", "phone", cell.row_id),
        Cell("orders", "name", cell.row_id),
        Cell("customers", "name", new_id()),
    ):
        with pytest.raises(SealBroken):
            keys.open(sealed, other)
