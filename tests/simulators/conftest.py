"""Fixtures: a simulator in memory, a shop that receives, a merchant and an SMS customer."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from simulators.channels.app import create_app
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import ChannelCredentials, generate_credentials
from simulators.channels.simulator import ChannelSimulator
from tests.simulators.support import BASE_URL, Merchant, Shop, SmsCustomer

TEMPLATES = {
    "SMS_LOGIN": "您的登录验证码为${code}，5分钟内有效，请勿告知他人。",
    "SMS_APPROVED": "您的订单${order}已通过审核，首次配送日期为${date}。",
}


@pytest.fixture(scope="session")
def credentials() -> ChannelCredentials:
    """Keys made once; RSA keys are slow to make."""
    return generate_credentials()


@pytest.fixture
def shop() -> Shop:
    """The receiver of notifications and receipts."""
    return Shop()


@pytest.fixture
async def app(credentials: ChannelCredentials, shop: Shop) -> AsyncIterator[Starlette]:
    """A simulator in memory that posts to the shop and does nothing by itself."""
    app = create_app(
        SimulatorConfig(
            base_url=BASE_URL,
            credentials=credentials,
            templates=TEMPLATES,
            receipt_url="http://shop/receipts",
            transport=httpx.ASGITransport(shop),
            signtest_every=0,
        )
    )
    yield app
    await app.state.simulator.aclose()


@pytest.fixture
def simulator(app: Starlette) -> ChannelSimulator:
    """The parts inside the app."""
    simulator: ChannelSimulator = app.state.simulator
    return simulator


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client on this very machine."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE_URL, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def merchant(client: httpx.AsyncClient, credentials: ChannelCredentials) -> Merchant:
    """The demo merchant."""
    return Merchant(client=client, credentials=credentials)


@pytest.fixture
def customer(client: httpx.AsyncClient, credentials: ChannelCredentials) -> SmsCustomer:
    """The demo SMS customer."""
    return SmsCustomer(client=client, account=credentials.sms)
