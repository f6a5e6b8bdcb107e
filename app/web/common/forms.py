"""Forms that make something: sent twice they make it once, refused they stay as they are."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.core.db import Database
from app.core.errors import InvalidInput
from app.core.idempotency import IdempotentCall, StoredAnswer, claim_key, fingerprint_of, free_key
from app.core.schemas import Answer
from app.identity.access import Principal
from app.identity.browser import CSRF_FIELD
from app.web.common.flash import see_other
from app.web.common.problems import own_path
from app.web.common.templating import is_htmx

ONCE_FIELD = "once"
_KEY_LENGTH = 32
Shape = TypeVar("Shape", bound=BaseModel)


class FormOutdated(InvalidInput):
    """The form lacks the number that makes it count once."""

    code = "form_outdated"
    title = "页面已过期，请刷新后再提交"


class Made(Answer):
    """Where the page of what a form has made is."""

    address: str


def once_key() -> str:
    """A number for a fresh form."""
    return secrets.token_hex(_KEY_LENGTH // 2)


def as_shape(shape: type[Shape], said: Mapping[str, Any]) -> Shape:
    """What a form says as a request of the API; raises RequestValidationError naming the fields."""
    try:
        return shape.model_validate(said)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def go_to(request: Request, address: str, flash: str) -> Response:
    """Send the browser on after a form was accepted, by HTMX or as a whole page."""
    answer = see_other(address, flash=flash)
    if is_htmx(request):
        answer.status_code = 204
        answer.headers["HX-Redirect"] = answer.headers["location"]
        del answer.headers["location"]
    return answer


class MadeBefore(Exception):
    """The form was accepted before; carries where its page is."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


@asynccontextmanager
async def once(request: Request, caller: Principal) -> AsyncIterator[IdempotentCall]:
    """Hold the number of a form while it is carried out; freed when that fails.

    Raises FormOutdated, MadeBefore, StillRunning, IdempotencyKeyReused.
    """
    form = await request.form()
    key = str(form.get(ONCE_FIELD, ""))
    if len(key) != _KEY_LENGTH or not key.isalnum() or not key.isascii():
        raise FormOutdated
    said = sorted((name, str(value)) for name, value in form.multi_items() if name != CSRF_FIELD)
    database: Database = request.app.state.database
    try:
        call = await claim_key(
            database,
            caller=str(caller.account_id),
            key=key,
            fingerprint=fingerprint_of("POST", request.url.path, json.dumps(said).encode()),
        )
    except StoredAnswer as stored:
        raise MadeBefore(json.loads(stored.body)["address"]) from stored
    try:
        yield call
    except BaseException:
        await free_key(database, call)
        raise


async def carry_out(
    request: Request,
    caller: Principal,
    session: AsyncSession,
    act: Callable[[], Awaitable[object]],
    *,
    back: str,
    told: str,
) -> Response:
    """Carry a form out once, however often it is sent, and go back to the list it stood on."""
    address = own_path(back)
    try:
        async with once(request, caller) as call:
            await act()
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        address = made.address
    return go_to(request, address, told)
