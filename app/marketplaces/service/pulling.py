"""Pulling a shop by the time its trades changed: the cursor moves only with what was written."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert, resolve_alert
from app.core.clock import wall_now
from app.core.db import Database
from app.core.outbound import Answered, Unknown, call_outside
from app.core.runtime import runtime
from app.marketplaces.channels.accounts import top_address
from app.marketplaces.channels.top import Changed, TopAccount, TopClient
from app.marketplaces.channels.top_words import read_orders, read_refunds
from app.marketplaces.errors import PullNotSetUp
from app.marketplaces.models import PullCursor, Shop
from app.marketplaces.repository import shops
from app.marketplaces.rules import WINDOW, pull_windows
from app.marketplaces.service.receiving import receive
from app.marketplaces.service.sealing import open_credentials
from app.marketplaces.states import IntakeWay

log = structlog.get_logger()

LEASE: Final = timedelta(minutes=10)
"""So long another worker leaves a shop alone; one that was killed is overtaken afterwards."""
ALERT_AFTER: Final = 3
FAILING: Final = "marketplace_pull_failing"
"""Alert: a shop could not be read several times in a row."""
MOST_WINDOWS: Final = 100
"""One run's share of a long gap; the next run goes on."""


class Source(Protocol):
    """Where a window's changes are asked."""

    async def changed(self, start: datetime, end: datetime) -> Changed:
        """Everything that changed in a window."""


@dataclass(frozen=True, slots=True)
class _Asked:
    shop: Shop
    start: datetime
    end: datetime


class _Run:
    """One run over a shop: holds its lease from window to window."""

    def __init__(
        self, shop_id: UUID, *, source: Source | None, wall: datetime, now: datetime
    ) -> None:
        self.shop_id = shop_id
        self._source = source
        self._wall = wall
        self._now = now
        self._lease: datetime | None = None

    async def prepare(self, session: AsyncSession) -> _Asked | None:
        """The next window, unless another run holds the shop or nothing is left."""
        shop = await shops.get_shop_by_id(session, self.shop_id)
        cursor = await shops.lock_cursor(session, self.shop_id)
        if cursor is None or not shop.is_active or shop.credentials_sealed is None:
            return None
        held = cursor.leased_until
        if held is not None and held != self._lease and held > self._wall:
            return None
        self._lease = cursor.leased_until = wall_now() + LEASE
        windows = pull_windows(cursor.pulled_until, self._wall)
        start, end = windows[0] if windows else (self._wall - WINDOW, self._wall)
        return _Asked(shop, start, end)

    async def call(self, asked: _Asked) -> Changed:
        """Ask the marketplace, no connection held."""
        source = self._source or client_of(asked.shop)
        return await source.changed(asked.start, asked.end)

    async def record(
        self, session: AsyncSession, asked: _Asked, outcome: Answered[Changed] | Unknown
    ) -> bool:
        """Write what came and move the cursor; true while windows are left."""
        cursor = await shops.lock_cursor(session, self.shop_id)
        if cursor is None or cursor.leased_until != self._lease:
            return False
        if isinstance(outcome, Unknown):
            await self._failed(session, cursor, outcome.reason)
            return False
        await take(session, asked.shop, outcome.value, now=self._now)
        cursor.pulled_until = max(cursor.pulled_until, asked.end)
        cursor.succeeded_at, cursor.failures, cursor.failure = self._wall, 0, None
        await resolve_alert(session, FAILING, asked.shop.code)
        is_done = asked.end >= self._wall
        if is_done:
            cursor.leased_until = None
        await session.flush()
        return not is_done

    async def _failed(self, session: AsyncSession, cursor: PullCursor, reason: str) -> None:
        cursor.failures += 1
        cursor.failure, cursor.leased_until = reason[:200], None
        shop = await shops.get_shop_by_id(session, self.shop_id)
        if cursor.failures >= ALERT_AFTER:
            await raise_alert(
                session,
                FAILING,
                shop.code,
                failures=cursor.failures,
                reason=cursor.failure,
                pulled_until=cursor.pulled_until,
            )


async def pull_shop(
    database: Database,
    *,
    shop_id: UUID,
    now: datetime,
    wall: datetime | None = None,
    source: Source | None = None,
) -> bool:
    """Read a shop's changes window by window up to now; false when it failed or another run has it.

    The marketplace's times are the wall clock's. What was seen before is read again for ten
    minutes' overlap, and is known. Raises ShopUnknown.
    """
    run = _Run(shop_id, source=source, wall=wall or wall_now(), now=now)
    for _ in range(MOST_WINDOWS):
        more = await call_outside(database, prepare=run.prepare, call=run.call, record=run.record)
        if not more:
            break
    async with database.transaction() as session:
        cursor = await shops.lock_cursor(session, shop_id)
        return cursor is not None and cursor.failures == 0 and cursor.leased_until is None


async def reread_day(
    database: Database,
    *,
    shop_id: UUID,
    start: datetime,
    now: datetime,
    source: Source | None = None,
) -> int:
    """Read a whole day of a shop again from `start` on, whatever the cursor says; windows read.

    Ends at the first failure: the next night reads again. Raises ShopUnknown.
    """

    async def prepare(session: AsyncSession) -> Shop | None:
        shop = await shops.get_shop_by_id(session, shop_id)
        return shop if shop.is_active and shop.credentials_sealed is not None else None

    async def record(
        session: AsyncSession, shop: Shop, outcome: Answered[Changed] | Unknown
    ) -> bool:
        if isinstance(outcome, Unknown):
            return False
        await take(session, shop, outcome.value, now=now)
        return True

    read, end = 0, start + timedelta(days=1)
    while start < end:

        async def call(shop: Shop, begin: datetime = start) -> Changed:
            return await (source or client_of(shop)).changed(begin, begin + WINDOW)

        if not await call_outside(database, prepare=prepare, call=call, record=record):
            break
        read, start = read + 1, start + WINDOW
    return read


async def take(session: AsyncSession, shop: Shop, changed: Changed, *, now: datetime) -> None:
    """Write down what a window brought."""
    intake = await receive(
        session,
        shop=shop,
        orders=read_orders(changed.trades),
        refunds=read_refunds(changed.refunds),
        way=IntakeWay.PULL,
        now=now,
    )
    if intake.new or intake.updated or intake.refunds or intake.foreign:
        log.info(
            "marketplaces.pulled",
            shop=shop.code,
            new=intake.new,
            updated=intake.updated,
            refunds=intake.refunds,
            foreign=len(intake.foreign),
        )


def client_of(shop: Shop) -> TopClient:
    """The platform as a shop's application asks it; raises PullNotSetUp, SetupError."""
    said = open_credentials(shop)
    if said is None:
        raise PullNotSetUp
    current = runtime()
    return TopClient(
        TopAccount(said["app_key"], said["app_secret"], said["session"]),
        http=current.http,
        base_url=top_address(current.installation),
    )
