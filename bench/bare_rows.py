"""The limit of the dashboard: one bare FastAPI + asyncpg endpoint that reads the rows it shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import asyncpg
from fastapi import FastAPI, Request, Response

from bench.bare import POOL

_ROWS = "SELECT json_agg(m)::text FROM block_mornings m WHERE service_date = $1"


def create_app(dsn: str) -> FastAPI:
    """One endpoint, which answers a date's counts as the database writes them in JSON."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/rows/{day}")
    async def rows(day: date, request: Request) -> Response:
        """The counts of every block."""
        found = await request.app.state.pool.fetchval(_ROWS, day)
        return Response(found, media_type="application/json")

    return app
