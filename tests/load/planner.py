"""`python -m tests.load.planner INSTANT`: freeze and plan once, as the worker's job does."""

import asyncio
import sys
from datetime import datetime

from app.core.config import DatabaseSettings
from app.core.db import Database
from app.delivery.service import freeze_and_plan

APPLICATION = "suixinding-planner"


async def plan(now: datetime) -> None:
    """One run at a business instant."""
    database = Database(DatabaseSettings(), application=APPLICATION)
    try:
        await freeze_and_plan(database, now=now)
    finally:
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(plan(datetime.fromisoformat(sys.argv[1])))
