"""The HTTP edge: RFC 9457 errors, request ids, body limits, access log and metrics.

Plain ASGI middleware only: nothing here may cancel a database call.
"""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import Counter, Histogram
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import (
    AppError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    TooManyRequests,
    Unavailable,
    Unprocessable,
)
from app.core.idempotency import StoredAnswer
from app.core.ids import new_id

log = structlog.get_logger()

Header = tuple[bytes, bytes]
PROBLEM = "application/problem+json"
STATUS_OF: Mapping[type[AppError], int] = {
    NotAuthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unprocessable: 422,
    InvalidInput: 400,
    TooManyRequests: 429,
    Unavailable: 503,
}
_BUSY_CLASSES = ("08", "40", "53", "57", "58")
"""SQLSTATE classes that say nothing about the request: connection, rollback, resources, operator."""
_LOCK_NOT_AVAILABLE = "55P03"
_UNSTORABLE = frozenset({"22000", "22003", "22008", "22021", "22P02", "22P05"})
"""Text, numbers and instants that no column holds: refused by the driver or by the server."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNLOGGED = frozenset({"/healthz", "/readyz", "/metrics", "/static"})
_LONGEST_ECHO = 200

REQUESTS = Counter("http_requests_total", "Answers", ("method", "route", "status"))
SECONDS = Histogram("http_request_seconds", "Time to the answer", ("method", "route"))


class FieldProblem(BaseModel):
    """One wrong field."""

    field: str
    code: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem detail; `code` is stable."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str | None = None
    request_id: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    errors: list[FieldProblem] = Field(default_factory=list)


COMMON_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": Problem,
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503)
}


class _ProblemResponse(JSONResponse):
    media_type = PROBLEM

    def render(self, content: Any) -> bytes:
        # A lone surrogate of the caller's has no UTF-8.
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


ProblemPage = Callable[[Scope, Problem], Response | None]
"""Shows a problem to people: None where the caller wants JSON."""


def _answer(scope: Scope, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    problem.request_id = scope.get("state", {}).get("request_id")
    app = scope.get("app")
    show: ProblemPage | None = getattr(app.state, "problem_page", None) if app else None
    page = show(scope, problem) if show is not None else None
    if page is not None:
        if page.status_code == problem.status:
            page.headers.update(headers or {})
        return page
    content = problem.model_dump(mode="json", exclude_none=True)
    return _ProblemResponse(content, status_code=problem.status, headers=headers)


def _problem(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return _answer(request.scope, problem, headers)


def status_of(error: AppError) -> int:
    """HTTP status of a domain error's kind."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return 400


async def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101  # registered for this type only
    status = status_of(error)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_seconds" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after_seconds"])
    facts = {key: value for key, value in error.facts.items() if value is not None}
    problem = Problem(
        title=error.title, status=status, code=error.code, detail=error.detail, facts=facts
    )
    return _problem(request, problem, headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this type only
    if isinstance(error.body, bytes) and error.body:
        return _problem(request, _wrong_media_type())
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"])[:_LONGEST_ECHO],
            code=item["type"],
            message=item["msg"][:_LONGEST_ECHO],
        )
        for item in error.errors()[:50]
    ]
    if any(item.code == "json_invalid" for item in fields):
        return _problem(request, _broken_json())
    problem = Problem(title=InvalidInput.title, status=422, code="validation_failed", errors=fields)
    return _problem(request, problem)


def _broken_json() -> Problem:
    return Problem(title="提交的内容不是有效的 JSON", status=400, code="broken_json")


def _wrong_media_type() -> Problem:
    return Problem(
        title="只接受未压缩的 JSON（application/json）", status=415, code="unsupported_media_type"
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this type only
    if error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__ is not None:
        # FastAPI's word for a body that is no text, nested too deeply, or with endless digits.
        return _problem(request, _broken_json())
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
    title = {404: "没有找到", 405: "不支持的操作"}.get(error.status_code, phrase)
    problem = Problem(title=title, status=error.status_code, code=code)
    return _problem(request, problem, dict(error.headers or {}))


async def _stored_answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StoredAnswer)  # noqa: S101  # registered for this type only
    return Response(
        error.body,
        status_code=error.status,
        media_type="application/json",
        headers={"Idempotent-Replayed": "true"},
    )


async def _database_error(request: Request, error: Exception) -> Response:
    sqlstate = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    broken = isinstance(error, PoolTimeout | OSError)
    if broken or getattr(error, "connection_invalidated", False) or _is_busy(sqlstate):
        log.warning("database.busy", error=type(error).__name__, sqlstate=sqlstate)
        problem = Problem(title=Unavailable.title, status=503, code=Unavailable.code)
        return _problem(request, problem, {"Retry-After": "1"})
    if sqlstate in _UNSTORABLE:
        return await _impossible_value(request, error)
    return _bug(request.scope, error)


def _is_busy(sqlstate: str) -> bool:
    return sqlstate.startswith(_BUSY_CLASSES) or sqlstate == _LOCK_NOT_AVAILABLE


async def _impossible_value(request: Request, error: Exception) -> Response:
    log.warning("request.impossible_value", error=type(error).__name__)
    problem = Problem(title=InvalidInput.title, status=400, code=InvalidInput.code)
    return _problem(request, problem)


def _bug(scope: Scope, error: Exception) -> Response:
    log.error("request.bug", exc_info=error)
    return _answer(scope, Problem(title="系统内部错误", status=500, code="internal_error"))


def install_error_handlers(app: FastAPI, *, page: ProblemPage | None = None) -> None:
    """Every failure becomes a problem answer, or its page; `Edge` answers what nobody expected."""
    app.state.problem_page = page
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(StoredAnswer, _stored_answer)
    for database_error in (DBAPIError, PoolTimeout, OSError):
        app.add_exception_handler(database_error, _database_error)
    app.add_exception_handler(OverflowError, _impossible_value)


class BodyTooLarge(AppError):
    """The body exceeds the limit."""

    code = "body_too_large"
    title = "提交的内容过大"


class Edge:
    """Outermost ASGI layer: request id, limits of the body, bugs, log line, metrics."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int = 2_000_000) -> None:
        self._app = app
        self._max_body = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_marks(message["headers"], request_id)
            await send(message)

        try:
            await self._handle(scope, receive, send_marked)
        except Exception as error:
            if status:
                raise
            await _bug(scope, error)(scope, receive, send_marked)
        finally:
            self._account(scope, status or 500, time.perf_counter() - began)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._max_body:
            await self._refuse(_too_large(), scope, receive, send)
        elif headers.get(b"content-encoding", b"identity").lower() != b"identity":
            await self._refuse(_wrong_media_type(), scope, receive, send)
        else:
            await self._limited(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = 0
        started = False

        async def receive_limited() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._max_body:
                    raise BodyTooLarge
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            if started or seen <= self._max_body:  # else the app's view of what we cut off
                started = True
                await send(message)

        try:
            await self._app(scope, receive_limited, send_noted)
        except BodyTooLarge:
            if started:
                raise
        if seen > self._max_body and not started:
            await self._refuse(_too_large(), scope, receive, send)

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        # The connection is kept: closed with words unread, it would take the answer along.
        await _answer(scope, problem)(scope, receive, send)

    @staticmethod
    def _account(scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or _unrouted(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.labels(method, route, status).inc()
        SECONDS.labels(method, route).observe(seconds)
        if route not in _UNLOGGED:
            log.info(
                "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1)
            )


def _unrouted(path: str) -> str:
    return "/static" if path.startswith("/static/") else "unmatched"


def _too_large() -> Problem:
    return Problem(title=BodyTooLarge.title, status=413, code=BodyTooLarge.code)


def _with_marks(headers: list[Header], request_id: str) -> list[Header]:
    marked = [
        *headers,
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if not any(name == b"cache-control" for name, _ in headers):
        marked.append((b"cache-control", b"no-store"))
    return marked
