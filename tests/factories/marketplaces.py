"""Buying on a marketplace, and what the shop's staff and its ERP do about it."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import public_single
from app.identity.models import Role
from app.marketplaces.channels.erp import push_signature
from app.marketplaces.channels.top import TopAccount, TopClient
from app.marketplaces.models import ExternalOrder, Shop
from app.marketplaces.service import pull_shop
from app.orders.models import Order
from simulators.channels.app import create_app as create_simulator
from simulators.channels.config import SimulatorConfig
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.taobao.shop import Position
from tests.factories.world import World, once
from tests.fixtures.application import app_over, make_test_runtime
from tests.fixtures.payments import BASE_URL, demo_credentials

SECRET = "erp-secret-of-the-flagship-shop-0123456789"
SHOP = "tmall-flagship"
SKU = "MILK-30"
EVERY_DAY = {"kind": "every_days", "interval_days": 1, "quantity": 1}
PAID_AT = "2026-03-14T20:00:00+08:00"
WHOLE = {
    "name": "李雷",
    "phone": "13712340001",
    "city": "上海市",
    "district": "徐汇区",
    "address": "梅陇一村12号301室",
}
MASKED = {"name": "李*", "phone": "*******0001", "district": "徐汇区", "address": "梅陇****"}
ADDRESS = {
    "city_code": "310000",
    "district": "徐汇区",
    "compound": "梅陇一村",
    "house_no": "12号",
    "door": "301室",
    "recipient": "李雷",
    "phone": "13712340001",
}
MONTH = Position(sku=SKU, title="鲜牛奶月卡30瓶", num=1, paid_fen=9000)


def pushed(number: str, **said: Any) -> dict[str, Any]:
    """An order as the ERP tells it: a month of milk for ¥90."""
    paid = said.pop("paid_fen", 9000)
    return {
        "number": number,
        "paid_fen": paid,
        "paid_at": PAID_AT,
        "modified_at": said.pop("modified_at", PAID_AT),
        "receiver": said.pop("receiver", WHOLE),
        "lines": said.pop(
            "lines",
            [
                {
                    "line_no": "1",
                    "sku": SKU,
                    "title": "鲜牛奶月卡30瓶",
                    "units": 1,
                    "paid_fen": paid,
                }
            ],
        ),
        **said,
    }


def given_back(number: str, refund_no: str, amount_fen: int, **said: Any) -> dict[str, Any]:
    """A refund as the ERP tells it."""
    return {
        "refund_no": refund_no,
        "number": number,
        "amount_fen": amount_fen,
        "refunded_at": "2026-03-15T09:00:00+08:00",
        **said,
    }


@dataclass
class Market:
    """A Tmall shop over the API."""

    client: httpx.AsyncClient
    world: World

    def headers(self, role: Role) -> dict[str, str]:
        """Authorization of a member of staff, and a fresh key."""
        return self.world.staff[role].headers | once()

    async def post(self, path: str, role: Role, *, status: int = 201, **body: Any) -> Any:
        """A POST of staff."""
        answer = await self.client.post(path, json=body, headers=self.headers(role))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, role: Role = Role.MANAGER, **query: Any) -> Any:
        """A GET of staff."""
        answer = await self.client.get(path, params=query or None, headers=self.headers(role))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def open_shop(
        self,
        *,
        code: str = SHOP,
        source: str = "tmall",
        listing: str | None = "2026-01",
        mapped: bool = True,
    ) -> None:
        """A shop that takes pushes; its listings show the agreement, its SKU is known."""
        await self.post(
            "/marketplaces/shops",
            Role.MANAGER,
            code=code,
            name="随心订旗舰店",
            source=source,
            city_code="310000",
            listing_agreement=listing,
        )
        answer = await self.client.put(
            f"/marketplaces/shops/{code}/credentials",
            json={"push_secret": SECRET},
            headers=self.headers(Role.ADMIN),
        )
        assert answer.status_code == 200, answer.text
        assert SECRET not in answer.text
        if mapped:
            await self.map(code=code)

    async def map(self, sku: str = SKU, *, code: str = SHOP, bottles: int = 30) -> Any:
        """Say what an SKU is: a bottle of milk every day."""
        return await self.post(
            f"/marketplaces/shops/{code}/skus",
            Role.SERVICE_AGENT,
            sku=sku,
            product_id=public_single("prd", self.world.milk_id),
            bottles=bottles,
            pattern=EVERY_DAY,
        )

    async def send(
        self,
        body: Any,
        *,
        shop: str = SHOP,
        secret: str = SECRET,
        timestamp: int | None = None,
        nonce: str | None = None,
        altered: bytes | None = None,
    ) -> httpx.Response:
        """A push, signed as the ERP signs it."""
        text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        stamp = str(timestamp if timestamp is not None else int(time.time()))
        used = nonce or secrets.token_hex(16)
        return await self.client.post(
            f"/channels/erp/{shop}/orders",
            content=text if altered is None else altered,
            headers={
                "Content-Type": "application/json",
                "X-Timestamp": stamp,
                "X-Nonce": used,
                "X-Signature": push_signature(
                    timestamp=stamp, nonce=used, body=text, secret=secret
                ),
            },
        )

    async def push(self, *orders: Any, refunds: Any = (), **options: Any) -> dict[str, Any]:
        """A push that is taken."""
        answer = await self.send({"orders": list(orders), "refunds": list(refunds)}, **options)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def listed(self, **query: Any) -> list[dict[str, Any]]:
        """Outside orders as staff see them."""
        found: list[dict[str, Any]] = (await self.get("/marketplace-orders", **query))["items"]
        return found

    async def one(self, number: str) -> dict[str, Any]:
        """One outside order with its story."""
        (found,) = await self.listed(number=number)
        story: dict[str, Any] = await self.get(f"/marketplace-orders/{found['id']}")
        return story

    async def claim_token(self, number: str) -> str:
        """The token in the text an agent copies."""
        story = await self.one(number)
        text = (await self.get(f"/marketplace-orders/{story['id']}/claim-text"))["text"]
        return str(text.partition("/l/")[2].partition(" ")[0])

    async def claim(self, token: str, *, status: int = 200, **said: Any) -> Any:
        """The household fills the form."""
        body = {"address": ADDRESS, "agreement_version": "2026-01"} | said
        answer = await self.client.post(f"/links/{token}/claim", json=body, headers=once())
        assert answer.status_code == status, answer.text
        return answer.json()


async def our_order(session: AsyncSession, number: str) -> Order:
    """Our order behind an outside number."""
    session.expire_all()
    return (await session.scalars(select(Order).where(Order.outside_number == number))).one()


async def outside(session: AsyncSession, number: str) -> ExternalOrder:
    """The outside order itself."""
    session.expire_all()
    return (
        await session.scalars(select(ExternalOrder).where(ExternalOrder.number == number))
    ).one()


@dataclass
class Taobao:
    """A simulated Taobao and our client of it."""

    simulator: ChannelSimulator
    client: TopClient
    database: Database
    clock: Any
    http: httpx.AsyncClient
    opened_at: datetime

    async def connect(self, market: Market) -> UUID:
        """Give the shop its keys; it is pulled from now on."""
        app = self.simulator.credentials.taobao
        answer = await market.client.put(
            f"/marketplaces/shops/{SHOP}/credentials",
            json={"app_key": app.app_key, "app_secret": app.app_secret, "session": app.session},
            headers=market.headers(Role.ADMIN),
        )
        assert answer.status_code == 200, answer.text
        async with self.database.transaction() as session:
            return (await session.scalars(select(Shop.shop_id).where(Shop.code == SHOP))).one()

    async def pull(self, shop_id: UUID, *, wall: datetime | None = None) -> bool:
        """One run of the job."""
        return await pull_shop(
            self.database,
            shop_id=shop_id,
            now=self.clock.now(),
            wall=wall or self.simulator.clock.now(),
            source=self.client,
        )


@asynccontextmanager
async def open_taobao(database: Database, clock: Any) -> AsyncIterator[Taobao]:
    """A simulated Taobao and our client of it, over a database."""
    credentials = demo_credentials()
    app = create_simulator(
        SimulatorConfig(base_url=BASE_URL, credentials=credentials, sms_limits=False)
    )
    simulator: ChannelSimulator = app.state.simulator
    known = credentials.taobao
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as http:
        yield Taobao(
            simulator=simulator,
            client=TopClient(
                TopAccount(known.app_key, known.app_secret, known.session),
                http=http,
                base_url=f"{BASE_URL}/taobao/router/rest",
            ),
            database=database,
            clock=clock,
            http=http,
            opened_at=datetime.now(UTC).replace(microsecond=0),
        )
    await simulator.aclose()


@asynccontextmanager
async def live_market(
    database: Database, clock: Any, var: Path
) -> AsyncIterator[tuple[Market, Taobao]]:
    """A market over a database of real commits and several connections."""
    runtime = make_test_runtime(database, clock, var)
    async with database.transaction() as session:
        world = await World.build(session, runtime.keys)
    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
        open_taobao(database, clock) as taobao,
    ):
        yield Market(client, world), taobao
    await runtime.http.aclose()
