"""The HTTP process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from app import registry
from app.core import jobs, migrate
from app.core.clock import BusinessClock
from app.core.config import DatabaseSettings, InstallationSettings, KeySettings
from app.core.db import Database, SessionDep, check_server
from app.core.errors import Unavailable
from app.core.http import COMMON_PROBLEMS, Edge, install_error_handlers
from app.core.runtime import Runtime, load_key_ring, set_runtime
from app.core.unit import Router
from app.identity.access import OPEN
from app.operations import router as operations_router
from app.web.common.assets import StaticAssets
from app.web.common.headers import BrowserHeaders
from app.web.common.problems import problem_page
from app.web.common.templating import use_pages

OLDEST_DUE_JOB = Gauge("jobs_oldest_due_seconds", "Age of the oldest due job")
HELD_JOBS = Gauge("jobs_held", "Jobs that failed for good and wait for a person")
BUSIEST = ("orders", "delivery")
CLOCK_REFRESH_SECONDS = 1.0
JOB_AGE_LIMIT_SECONDS = 300.0

health = Router(tags=["health"], dependencies=[OPEN])


@health.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@health.get("/readyz")
async def readyz(session: SessionDep) -> dict[str, str | float]:
    """Database reachable, migrated to this code's head, jobs not stuck."""
    revision = await migrate.current_revision(await session.connection())
    if revision != migrate.head():
        raise Unavailable("migrations are missing", revision=revision, head=migrate.head())
    age = await jobs.oldest_due_age_seconds(session)
    if age > JOB_AGE_LIMIT_SECONDS:
        raise Unavailable("jobs are not being worked", oldest_due_job_seconds=age)
    return {"status": "ready", "revision": revision, "oldest_due_job_seconds": age}


@health.get("/metrics", response_class=Response)
async def metrics(session: SessionDep) -> Response:
    """Prometheus text."""
    OLDEST_DUE_JOB.set(await jobs.oldest_due_age_seconds(session))
    HELD_JOBS.set(await jobs.count_held(session))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _keep_clock(runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(CLOCK_REFRESH_SECONDS)
        with contextlib.suppress(SQLAlchemyError, OSError):
            async with runtime.database.transaction() as session:
                await runtime.clock.refresh(session)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    runtime: Runtime = app.state.runtime
    async with runtime.database.transaction() as session:
        await runtime.clock.refresh(session)
    keeper = asyncio.create_task(_keep_clock(runtime)) if runtime.installation.demo else None
    try:
        yield
    finally:
        if keeper is not None:
            keeper.cancel()
        await runtime.http.aclose()
        await runtime.database.dispose()


def create_app(runtime: Runtime) -> FastAPI:
    """The application over a runtime."""
    app = build_app()
    attach(app, runtime)
    return app


def attach(app: FastAPI, runtime: Runtime) -> None:
    """Let the application work over this runtime from now on."""
    set_runtime(runtime)
    app.state.runtime = runtime
    app.state.database = runtime.database
    app.state.clock = runtime.clock


def build_app() -> FastAPI:
    """The application without a runtime; routes come from the registry."""
    registry.wire()
    app = FastAPI(
        title="随心订",
        version="0.1.0",
        lifespan=_lifespan,
        responses=COMMON_PROBLEMS,
        docs_url=None,
        redoc_url=None,
    )
    install_error_handlers(app, page=problem_page)
    app.include_router(health)
    # Routes are tried in turn: those of every order and every door come first.
    for domain in sorted(registry.DOMAINS, key=lambda one: one.name not in BUSIEST):
        for router in domain.routers:
            app.include_router(router, prefix="/api/v1")
    app.include_router(operations_router, prefix="/api/v1")
    for pages in registry.PAGES:
        app.include_router(pages.router)
    use_pages(registry.PAGES)
    app.mount("/static", StaticAssets(), name="static")
    app.add_middleware(BrowserHeaders)
    app.add_middleware(Edge)
    return app


async def make_runtime(
    *,
    application: str,
    database_settings: DatabaseSettings | None = None,
    installation: InstallationSettings | None = None,
) -> Runtime:
    """A runtime from the environment; raises SetupError with the mend."""
    installed = installation or InstallationSettings()
    keys = load_key_ring(installed, KeySettings())
    database = Database(database_settings or DatabaseSettings(), application=application)
    await check_server(database)
    async with database.engine.connect() as connection:
        await migrate.require_not_newer(connection)
    return Runtime(
        database=database,
        keys=keys,
        clock=BusinessClock(),
        http=httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=3.0), follow_redirects=False),
        installation=installed,
    )


def openapi_document() -> dict[str, Any]:
    """The API's document, without a database."""
    return build_app().openapi()
