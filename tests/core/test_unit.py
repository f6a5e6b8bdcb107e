"""What was begun for a request ends with it: the last first, and all of it."""

import httpx
import pytest
from fastapi import FastAPI, Request

from app.core.errors import Conflict
from app.core.http import install_error_handlers
from app.core.unit import Router, at_end

FAILS = {"endpoint": ("first failed", "second failed"), "second": ("first failed", "second kept")}


def app_that_notes(notes: list[str], *, fails: str | None) -> FastAPI:
    router = Router()

    @router.post("/")
    async def act(request: Request) -> dict[str, str]:
        for name in ("first", "second"):

            async def end(failed: bool, name: str = name) -> None:
                notes.append(f"{name} {'failed' if failed else 'kept'}")
                if name == fails:
                    raise Conflict

            at_end(request, end)
        if fails == "endpoint":
            raise Conflict
        return {}

    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    return app


async def post_to(app: FastAPI) -> int:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return (await client.post("/")).status_code


async def test_the_last_begun_ends_first() -> None:
    notes: list[str] = []
    assert await post_to(app_that_notes(notes, fails=None)) == 200
    assert notes == ["second kept", "first kept"]


@pytest.mark.parametrize("fails", FAILS)
async def test_what_fails_fails_the_answer_and_all_that_began_before_it(fails: str) -> None:
    notes: list[str] = []
    assert await post_to(app_that_notes(notes, fails=fails)) == 409
    assert tuple(reversed(notes)) == FAILS[fails]
