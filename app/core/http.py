"""The HTTP edge: RFC 9457 errors, request ids, body limits, access log and metrics.

Plain ASGI middleware only: nothing here may cancel a database call.
"""

import time
from collections.abc import Mapping
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
_RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "53300"})

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


def _problem(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    problem.request_id = getattr(request.state, "request_id", None)
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=problem.status,
        media_type=PROBLEM,
        headers=headers,
    )


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
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"]),
            code=item["type"],
            message=item["msg"],
        )
        for item in error.errors()[:50]
    ]
    broken = any(item.code == "json_invalid" for item in fields)
    problem = Problem(
        title="填写的内容有误",
        status=400 if broken else 422,
        code="broken_json" if broken else "validation_failed",
        errors=fields,
    )
    return _problem(request, problem)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this type only
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
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    broken = isinstance(error, PoolTimeout) or getattr(error, "connection_invalidated", False)
    if broken or sqlstate in _RETRYABLE_SQLSTATES:
        log.warning("database.busy", sqlstate=sqlstate)
        problem = Problem(title=Unavailable.title, status=503, code="unavailable")
        return _problem(request, problem, {"Retry-After": "1"})
    return await _bug(request, error)


async def _bug(request: Request, error: Exception) -> Response:
    log.error("request.bug", exc_info=error)
    return _problem(request, Problem(title="系统内部错误", status=500, code="internal_error"))


def install_error_handlers(app: FastAPI) -> None:
    """Every failure becomes a problem answer."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(StoredAnswer, _stored_answer)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeout, _database_error)
    app.add_exception_handler(Exception, _bug)


class BodyTooLarge(AppError):
    """The body exceeds the limit."""

    code = "body_too_large"
    title = "提交的内容过大"


class Edge:
    """Outermost ASGI layer: request id, body limit, log line, metrics."""

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
        started = time.perf_counter()
        status = 500

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        try:
            if self._announces_too_much(scope):
                await self._refuse(scope, receive, send_marked)
            else:
                await self._limited(scope, receive, send_marked)
        finally:
            self._account(scope, status, time.perf_counter() - started)

    def _announces_too_much(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"content-length":
                return not value.isdigit() or int(value) > self._max_body
        return False

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
            started = True
            await send(message)

        try:
            await self._app(scope, receive_limited, send_noted)
        except BodyTooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem(
            title=BodyTooLarge.title,
            status=413,
            code=BodyTooLarge.code,
            request_id=scope["state"]["request_id"],
        )
        answer = JSONResponse(
            problem.model_dump(mode="json", exclude_none=True), 413, media_type=PROBLEM
        )
        await answer(scope, receive, send)

    @staticmethod
    def _account(scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        REQUESTS.labels(scope["method"], route, status).inc()
        SECONDS.labels(scope["method"], route).observe(seconds)
        if route not in {"/healthz", "/readyz", "/metrics"}:
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
            )
