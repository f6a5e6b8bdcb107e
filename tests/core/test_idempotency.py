"""One key, one effect: repeated, parallel, failing, slow and killed requests."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.db import Database, SessionDep
from app.core.errors import Conflict
from app.core.http import Edge, install_error_handlers
from app.core.idempotency import (
    LEASE,
    IdempotencyKey,
    IdempotentCall,
    IdempotentDep,
    claim_key,
    fingerprint_of,
    prune_keys,
)
from app.core.ids import new_id
from app.core.schemas import Answer
from app.core.schemas import Request as Body
from app.core.unit import UnitRoute
from tests.fixtures.foundation import effects, scalar

ANNA, BERT = new_id(), new_id()


class Order(Body):
    """What is asked for."""

    name: str
    then: str = ""


class Placed(Answer):
    """What is answered."""

    name: str
    number: UUID


class NoMilk(Conflict):
    """A refusal."""

    code = "no_milk"
    title = "没有牛奶"


class Gate:
    """Holds requests inside their transaction until the test opens it."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()


def who(request: Request) -> None:
    """Stands in for authentication."""
    if "x-caller" in request.headers:
        request.state.caller_id = UUID(request.headers["x-caller"])


def small_app(database: Database, gate: Gate) -> FastAPI:
    app = FastAPI()
    app.router.route_class = UnitRoute
    app.state.database = database
    install_error_handlers(app)
    app.add_middleware(Edge)

    @app.post("/orders", status_code=201, response_model=Placed)
    async def place(
        _: Annotated[None, Depends(who)], call: IdempotentDep, session: SessionDep, order: Order
    ) -> Response:
        await insert(session, order.name)
        if order.then == "refuse":
            raise NoMilk
        if order.then == "break":
            raise ZeroDivisionError
        if order.then == "wait":
            gate.entered.set()
            await gate.open.wait()
        return await call.remember(session, 201, Placed(name=order.name, number=new_id()))

    return app


async def insert(session: AsyncSession, name: str) -> None:
    await session.execute(text("INSERT INTO probe (name) VALUES (:name)"), {"name": name})


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def api(real: Database, gate: Gate) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=small_app(real, gate))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def post(
    api: httpx.AsyncClient, body: dict[str, str], *, key: str | None = "key-0001", who: UUID = ANNA
) -> httpx.Response:
    headers = {"x-caller": str(who)} | ({} if key is None else {"Idempotency-Key": key})
    return await api.post("/orders", json=body, headers=headers)


async def keys(database: Database) -> int:
    return int(str(await scalar(database, "SELECT count(*) FROM idempotency_keys")))


async def test_the_same_request_gets_the_same_answer(
    real: Database, api: httpx.AsyncClient
) -> None:
    first = await post(api, {"name": "milk"})
    again = await post(api, {"name": "milk"})
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert await effects(real, "milk") == 1


async def test_another_body_under_the_same_key_is_refused(
    real: Database, api: httpx.AsyncClient
) -> None:
    await post(api, {"name": "milk"})
    other = await post(api, {"name": "yogurt"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await effects(real, "yogurt") == 0


@pytest.mark.parametrize("key", [None, "", "short", "with space in it", "x" * 101, "clé-0001"])
async def test_a_missing_or_malformed_key_is_refused(
    real: Database, api: httpx.AsyncClient, key: str | None
) -> None:
    headers = {b"x-caller": str(ANNA).encode()}
    if key is not None:
        headers[b"Idempotency-Key"] = key.encode("latin-1")
    answer = await api.post("/orders", json={"name": "milk"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    assert (await effects(real, "milk"), await keys(real)) == (0, 0)


async def test_nobody_without_a_name_takes_a_key(real: Database, api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/orders", json={"name": "milk"}, headers={"Idempotency-Key": "key-0001"}
    )
    assert answer.status_code == 401
    assert (await effects(real, "milk"), await keys(real)) == (0, 0)


async def test_while_the_first_runs_the_second_waits_its_turn(
    real: Database, api: httpx.AsyncClient, gate: Gate
) -> None:
    first = asyncio.create_task(post(api, {"name": "milk", "then": "wait"}))
    await gate.entered.wait()
    second = await post(api, {"name": "milk", "then": "wait"})
    assert (second.status_code, second.json()["code"]) == (409, "still_running")
    gate.open.set()
    assert (await first).status_code == 201
    assert (await post(api, {"name": "milk", "then": "wait"})).status_code == 201
    assert await effects(real, "milk") == 1


async def test_keys_of_two_callers_do_not_meet(real: Database, api: httpx.AsyncClient) -> None:
    anna = await post(api, {"name": "milk"})
    bert = await post(api, {"name": "milk"}, who=BERT)
    assert anna.status_code == bert.status_code == 201
    assert anna.json()["number"] != bert.json()["number"]
    assert await effects(real, "milk") == 2


@pytest.mark.parametrize(("then", "status"), [("refuse", 409), ("break", 500)])
async def test_a_failing_request_frees_its_key(
    real: Database, api: httpx.AsyncClient, then: str, status: int
) -> None:
    assert (await post(api, {"name": "milk", "then": then})).status_code == status
    assert (await effects(real, "milk"), await keys(real)) == (0, 0)
    assert (await post(api, {"name": "milk"})).status_code == 201
    assert await effects(real, "milk") == 1


async def test_a_body_of_the_wrong_form_takes_no_key(
    real: Database, api: httpx.AsyncClient
) -> None:
    assert (await post(api, {"name": "milk", "price": "0"})).status_code == 422
    assert await keys(real) == 0
    assert (await post(api, {"name": "milk"})).status_code == 201


async def test_a_cancelled_request_frees_its_key(
    real: Database, api: httpx.AsyncClient, gate: Gate
) -> None:
    task = asyncio.create_task(post(api, {"name": "milk", "then": "wait"}))
    await gate.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await effects(real, "milk"), await keys(real)) == (0, 0)


async def expire(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(IdempotencyKey).values(started_at=wall_now() - LEASE - timedelta(seconds=1))
        )


async def test_a_killed_request_frees_its_key_when_its_lease_ends(
    real: Database, api: httpx.AsyncClient
) -> None:
    """A killed process leaves its claim behind and nothing else."""
    body = {"name": "milk"}
    content = api.build_request("POST", "/orders", json=body).content
    await claim_key(
        real,
        caller=str(ANNA),
        key="key-0001",
        fingerprint=fingerprint_of("POST", "/orders", content),
    )
    assert (await post(api, body)).json()["code"] == "still_running"
    await expire(real)
    assert (await post(api, {"name": "yogurt"})).json()["code"] == "idempotency_key_reused"
    assert (await post(api, body)).status_code == 201
    assert await effects(real, "milk") == 1


async def test_a_slow_request_that_was_overtaken_leaves_no_second_effect(
    real: Database, api: httpx.AsyncClient, gate: Gate
) -> None:
    body = {"name": "milk", "then": "wait"}
    slow = asyncio.create_task(post(api, body))
    await gate.entered.wait()
    await expire(real)
    gate.entered.clear()
    second = asyncio.create_task(post(api, body))
    await gate.entered.wait()
    gate.open.set()
    statuses = sorted(answer.status_code for answer in await asyncio.gather(slow, second))
    assert statuses == [201, 409]
    assert await effects(real, "milk") == 1
    replayed = await post(api, body)
    assert (replayed.status_code, replayed.headers["idempotent-replayed"]) == (201, "true")
    assert await effects(real, "milk") == 1


async def test_fifty_equal_requests_at_once_have_one_effect(
    real: Database, api: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(post(api, {"name": "milk"}) for _ in range(50)))
    kinds = {(answer.status_code, answer.json().get("code")) for answer in answers}
    assert kinds <= {(201, None), (409, "still_running")}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await effects(real, "milk") == 1


async def test_keys_are_forgotten_after_some_days(real: Database) -> None:
    for key, age in (("old-key-1", 4), ("new-key-1", 2)):
        call = await claim_key(real, caller="anna", key=key, fingerprint=b"f")
        assert isinstance(call, IdempotentCall)
        async with real.transaction() as session:
            await session.execute(
                update(IdempotencyKey)
                .where(IdempotencyKey.key == key)
                .values(started_at=wall_now() - timedelta(days=age))
            )
    async with real.transaction() as session:
        await prune_keys(session)
    assert await scalar(real, "SELECT string_agg(key, ',') FROM idempotency_keys") == "new-key-1"
