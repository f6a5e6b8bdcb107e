"""Every failure is a problem answer with a status, a code and a request id; none is a surprise."""

import gzip
import json
import re
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pydantic import Field
from sqlalchemy import text

from app.core import errors
from app.core.db import Database, SessionDep
from app.core.http import Edge, install_error_handlers
from app.core.schemas import Request, ShortText
from app.core.unit import UnitRoute
from tests.fixtures.foundation import scalar

LIMIT = 1_000_000
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Lost(errors.NotFound):
    """A domain's own refusal with facts."""

    code = "order_lost"
    title = "订单不见了"


class Note(Request):
    """One of each kind of field; `name` and `number` are stored as they come."""

    name: str = "milk"
    title: ShortText = "t"
    number: int = 1
    weight: float = 1.0
    day: date = date(2026, 3, 15)
    more: dict[str, Any] = Field(default_factory=dict)


REFUSALS: dict[str, tuple[Exception, int, str]] = {
    "input": (errors.InvalidInput("no"), 400, "invalid_input"),
    "stranger": (errors.NotAuthenticated(), 401, "not_authenticated"),
    "forbidden": (errors.Forbidden(), 403, "forbidden"),
    "missing": (Lost("gone", order="ord_x", nothing=None), 404, "order_lost"),
    "conflict": (errors.Conflict(), 409, "conflict"),
    "unprocessable": (errors.Unprocessable(), 422, "unprocessable"),
    "throttled": (errors.TooManyRequests(retry_after_seconds=7), 429, "too_many_requests"),
    "away": (errors.Unavailable(), 503, "unavailable"),
    "base": (errors.AppError(), 400, "error"),
    "teapot": (HTTPException(418), 418, "im_a_teapot"),
    "disk": (OSError("no space"), 503, "unavailable"),
    "bug": (ZeroDivisionError("1/0"), 500, "internal_error"),
    "echo": (errors.Conflict("\ud800", text="\ud800"), 409, "conflict"),
}


def small_app() -> FastAPI:
    app = FastAPI()
    app.router.route_class = UnitRoute
    install_error_handlers(app)
    app.add_middleware(Edge, max_body_bytes=LIMIT)

    @app.post("/notes")
    async def write(note: Note, session: SessionDep) -> dict[str, Any]:
        await session.execute(
            text("INSERT INTO probe (name, number) VALUES (:name, :number)"),
            {"name": note.name, "number": note.number},
        )
        await session.execute(text("SELECT CAST(:more AS jsonb)"), {"more": json.dumps(note.more)})
        last = note.day + timedelta(days=30)
        return {"last": last.isoformat(), "weight": note.weight}

    @app.get("/notes")
    async def read(
        session: SessionDep, name: str = "", number: Annotated[int, Query()] = 0
    ) -> dict[str, Any]:
        found = await session.scalar(
            text("SELECT count(*) FROM probe WHERE name = :name AND number = :number"),
            {"name": name, "number": number},
        )
        return {"found": found}

    @app.get("/fail/{kind}")
    async def fail(kind: str) -> Response:
        raise REFUSALS[kind][0]

    @app.get("/cached")
    async def cached() -> Response:
        return Response("x", headers={"cache-control": "max-age=60"})

    return app


@pytest.fixture
async def api(real: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = small_app()
    app.state.database = real
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def stored(database: Database) -> int:
    return int(str(await scalar(database, "SELECT count(*) FROM probe")))


def is_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["type"]) == (status, "about:blank")
    assert body["title"]
    assert UUID.fullmatch(answer.headers["x-request-id"])
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", REFUSALS)
async def test_every_kind_of_error_has_its_status_and_code(
    api: httpx.AsyncClient, kind: str
) -> None:
    _, status, code = REFUSALS[kind]
    answer = await api.get(f"/fail/{kind}")
    is_problem(answer, status, code)
    assert ("retry-after" in answer.headers) == (kind in {"throttled", "disk"})
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_facts_are_told_and_what_is_not_known_is_left_out(api: httpx.AsyncClient) -> None:
    body = (await api.get("/fail/missing")).json()
    assert (body["title"], body["detail"], body["facts"]) == (
        "订单不见了",
        "gone",
        {"order": "ord_x"},
    )
    assert (await api.get("/fail/throttled")).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/notes", 405, "method_not_allowed"),
        ("BREW", "/notes", 405, "method_not_allowed"),
        ("BREW", "/nowhere", 404, "not_found"),
    ],
)
async def test_unknown_paths_and_methods(
    api: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    is_problem(await api.request(method, path), status, code)


async def test_made_up_methods_do_not_fill_the_metrics(api: httpx.AsyncClient) -> None:
    for number in range(5):
        await api.request(f"M{number}", "/notes")
    labels = {
        sample.labels["method"]
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if "method" in sample.labels
    }
    assert "other" in labels
    assert not any(label.startswith("M") for label in labels)


async def test_good_answers_are_marked_too(api: httpx.AsyncClient) -> None:
    answer = await api.get("/notes")
    assert answer.status_code == 200
    assert UUID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["cache-control"] == "no-store"
    assert (await api.get("/cached")).headers.get_list("cache-control") == ["max-age=60"]


JSON = "application/json"
BROKEN = (400, "broken_json")
WRONG = (422, "validation_failed")
MEDIA = (415, "unsupported_media_type")
IMPOSSIBLE = (400, "invalid_input")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"name": ', BROKEN),
        (b'{"name": "\xff"}', BROKEN),
        (b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", BROKEN),
        (b"[" * 100_000, BROKEN),
        (b'{"number": ' + b"9" * 5000 + b"}", BROKEN),
        (b"", WRONG),
        (b"[]", WRONG),
        (b"null", WRONG),
        (b'{"unknown": 1}', WRONG),
        (b'{"number": "a"}', WRONG),
        (b'{"number": 1e400}', WRONG),
        (b'{"number": NaN}', WRONG),
        (b'{"weight": NaN}', WRONG),
        (b'{"weight": 1e400}', WRONG),
        (b'{"weight": -Infinity}', WRONG),
        (b'{"day": "2026-02-30"}', WRONG),
        (b'{"name": "\\ud800"}', WRONG),
        (b'{"\\ud800": 1}', WRONG),
        (b'{"title": "a\\u0000b"}', WRONG),
        (b'{"title": "a\\u001bb"}', WRONG),
        (b'{"name": "%s"}' % (b"x" * 5001), WRONG),
        (b'{"name": "a\\u0000b"}', IMPOSSIBLE),
        (b'{"number": 9223372036854775808}', IMPOSSIBLE),
        (b'{"number": -9223372036854775809}', IMPOSSIBLE),
        (b'{"more": {"a": "\\u0000"}}', IMPOSSIBLE),
        (b'{"more": {"a": "\\ud800"}}', IMPOSSIBLE),
        (b'{"day": "9999-12-31"}', IMPOSSIBLE),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_bad_bodies_are_refused_and_nothing_is_stored(
    real: Database, api: httpx.AsyncClient, body: bytes, expected: tuple[int, str]
) -> None:
    answer = await api.post("/notes", content=body, headers={"content-type": JSON})
    is_problem(answer, *expected)
    assert await stored(real) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/xml"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": JSON, "content-encoding": "gzip"},
        {"content-type": JSON, "content-encoding": "br"},
    ],
    ids=str,
)
async def test_only_plain_json_is_taken(
    real: Database, api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    body = b'{"name": "milk"}'
    if headers.get("content-encoding") == "gzip":
        body = gzip.compress(body)
    is_problem(await api.post("/notes", content=body, headers=headers), *MEDIA)
    assert await stored(real) == 0


async def test_json_with_a_charset_or_a_suffix_is_taken(api: httpx.AsyncClient) -> None:
    for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
        answer = await api.post("/notes", content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 200, kind


@pytest.mark.parametrize(
    "query",
    ["name=%00", "name=%ED%A0%80", "number=9223372036854775808", "number=x", "number=1e3"],
)
async def test_bad_query_parameters_are_no_bugs(api: httpx.AsyncClient, query: str) -> None:
    assert (await api.get(f"/notes?{query}")).status_code in {200, 400, 422}


async def test_the_caller_s_words_are_not_echoed_at_length(api: httpx.AsyncClient) -> None:
    body = json.dumps({"k" * 500_000: 1})
    answer = await api.post("/notes", content=body, headers={"content-type": JSON})
    is_problem(answer, *WRONG)
    assert len(answer.content) < 2000


async def test_many_wrong_fields_are_answered_shortly(api: httpx.AsyncClient) -> None:
    for count, told, code in ((100, 50, "extra_forbidden"), (70_000, 1, "too_many_fields")):
        body = json.dumps({f"k{number}": 1 for number in range(count)})
        answer = await api.post("/notes", content=body, headers={"content-type": JSON})
        is_problem(answer, *WRONG)
        assert [error["code"] for error in answer.json()["errors"]] == [code] * told


class Meter:
    """Counts what is taken of an endless body."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < self.size:
            self.taken += 65536
            yield b"x" * 65536


async def test_20_megabytes_are_refused_by_their_announcement(
    real: Database, api: httpx.AsyncClient
) -> None:
    body = Meter(20_000_000)
    headers = {"content-type": JSON, "content-length": "20000000"}
    is_problem(await api.post("/notes", content=body, headers=headers), 413, "body_too_large")
    assert body.taken <= 65536
    assert await stored(real) == 0


async def test_20_megabytes_without_announcement_are_cut_off_at_the_limit(
    real: Database, api: httpx.AsyncClient
) -> None:
    body = Meter(20_000_000)
    answer = await api.post("/notes", content=body, headers={"content-type": JSON})
    is_problem(answer, 413, "body_too_large")
    assert body.taken <= LIMIT + 2 * 65536
    assert await stored(real) == 0


@pytest.mark.parametrize("length", ["-1", "a", "1e9"])
async def test_a_length_that_is_no_number_is_refused(api: httpx.AsyncClient, length: str) -> None:
    answer = await api.post("/notes", content=Meter(10), headers={"content-length": length})
    is_problem(answer, 413, "body_too_large")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(["name", "title", "number", "weight", "day", "more", "else"])


@given(st.dictionaries(FIELDS, ANY_JSON, max_size=4))
async def test_no_body_is_a_bug(api: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await api.post(
        "/notes", content=json.dumps(body).encode(), headers={"content-type": JSON}
    )
    assert answer.status_code in {200, 400, 422}, answer.text
    assert UUID.fullmatch(answer.headers["x-request-id"])


@pytest.fixture
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def test_the_edge_keeps_nothing_of_a_refused_body(
    api: httpx.AsyncClient, memory: None
) -> None:
    await api.post("/notes", content=Meter(20_000_000), headers={"content-type": JSON})
    _, peak = tracemalloc.get_traced_memory()
    assert peak < 20_000_000
