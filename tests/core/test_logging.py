"""Logs are JSON lines with a request id, and say nothing about people."""

import io
import json
import logging
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated
from uuid import UUID

import httpx
import pytest
import structlog
from fastapi import FastAPI, Header, HTTPException
from hypothesis import given
from hypothesis import strategies as st

from app.core.db import Database, SessionDep
from app.core.http import Edge, install_error_handlers
from app.core.logging import hide_personal_data, without_personal_data
from app.core.schemas import Request
from app.core.unit import UnitRoute
from tests.core.test_http import UUID as UUID_FORM

PHONE = "13812345678"
TOKEN = "tok_5f3c9a7be1"
NAME = "王小明"


class Note(Request):
    """A body with everything in it that must not be logged."""

    phone: str
    words: str


def small_app(database: Database) -> FastAPI:
    app = FastAPI()
    app.router.route_class = UnitRoute
    app.state.database = database
    install_error_handlers(app)
    app.add_middleware(Edge)

    @app.post("/notes/{kind}")
    async def write(
        kind: str, note: Note, session: SessionDep, authorization: Annotated[str, Header()] = ""
    ) -> dict[str, str]:
        log = structlog.get_logger("test")
        log.info("note", phone=note.phone, facts={"phone": note.phone, "list": [note.phone]})
        if kind == "bug":
            raise ZeroDivisionError(f"call {note.phone}, {authorization}")
        if kind == "teapot":
            raise HTTPException(418)
        if kind == "sql":
            from sqlalchemy import text  # noqa: PLC0415  # kept beside its only use

            await session.execute(text("SELECT 1 / CAST(:n AS int)"), {"n": 0, "w": note.words})
        return {"status": "ok"}

    return app


@pytest.fixture
async def api(real: Database) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=small_app(real))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("kind", ["ok", "bug", "teapot", "sql"])
async def test_no_phone_token_or_body_is_logged(
    api: httpx.AsyncClient, written: io.StringIO, kind: str
) -> None:
    answer = await api.post(
        f"/notes/{kind}?q={PHONE}",
        json={"phone": PHONE, "words": NAME},
        headers={"authorization": f"Bearer {TOKEN}"},
    )
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["event"] for line in lines][-1] == "request"
    assert {line["request_id"] for line in lines} == {answer.headers["x-request-id"]}
    assert (lines[-1]["status"], lines[-1]["route"]) == (answer.status_code, "/notes/{kind}")
    for secret in (PHONE, TOKEN, NAME):
        assert secret not in written.getvalue()
    if kind == "bug":
        assert "ZeroDivisionError" in lines[-2]["exception"]
    assert UUID_FORM.fullmatch(lines[-1]["request_id"])


async def test_a_refused_body_is_not_logged(api: httpx.AsyncClient, written: io.StringIO) -> None:
    await api.post("/notes/ok", json={"phone": PHONE, "word": NAME, PHONE: 1})
    assert PHONE not in written.getvalue()
    assert NAME not in written.getvalue()


def test_libraries_write_json_too(written: io.StringIO) -> None:
    logging.getLogger("some.library").warning("called %s", PHONE, extra={"phone": PHONE})
    logging.getLogger("httpx").info("GET http://x/?PhoneNumbers=%s", PHONE)
    (line,) = written.getvalue().splitlines()
    assert json.loads(line)["event"] == "called [phone]"


def test_what_is_no_json_is_written_as_text(written: io.StringIO) -> None:
    structlog.get_logger("test").info(
        "odd", error=ValueError(f"of {PHONE}"), day=date(2026, 3, 15), row=UUID(int=7), bad="\ud800"
    )
    line = json.loads(
        written.getvalue().encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    )
    assert (line["error"], line["day"]) == ("of [phone]", "2026-03-15")


@pytest.mark.parametrize(
    ("said", "written_as"),
    [
        ("call 13812345678 now", "call [phone] now"),
        ("+8613812345678", "[phone]"),
        ("138-1234-5678 / 138 1234 5678", "[phone] / [phone]"),
        ("Authorization: Bearer abc.def-1", "Authorization: [token]"),
        ("for url 'https://x.cn/a?Phone=1&b=2'", "for url 'https://x.cn/a?[query]'"),
        ("order 113812345678", "order 113812345678"),
        ("why? because a=b", "why? because a=b"),
        ("at 1700000000", "at 1700000000"),
    ],
)
def test_phones_tokens_and_queries_are_cut_out(said: str, written_as: str) -> None:
    assert without_personal_data(said) == written_as


@given(
    st.recursive(
        st.just(PHONE) | st.just(int(PHONE)) | st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just(PHONE), inner),
    )
)
def test_however_deep_a_phone_lies(value: object) -> None:
    event = hide_personal_data(None, "info", {"event": "e", "value": value})
    assert PHONE not in json.dumps(event["value"])
