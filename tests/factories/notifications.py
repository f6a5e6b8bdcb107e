"""A stage for SMS: the product on one side, the simulated provider on the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import select, text

from app.core.config import AliyunSmsSettings
from app.core.db import Database
from app.core.ids import HOUSE
from app.core.runtime import Runtime
from app.notifications import service
from app.notifications.channels.aliyun import AliyunSms
from app.notifications.models import SmsMessage
from app.notifications.service import BREAKER
from app.notifications.templates import provider_texts
from simulators.channels.aliyun_sms.outbox import Sms
from simulators.channels.app import create_app as create_simulator
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import ChannelCredentials, SmsAccount
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from tests.factories.world import MORNING
from tests.fixtures.application import app_over

RECEIPT_SECRET = "r" * 32
RECEIPTS = f"/sms/aliyun/receipts/{RECEIPT_SECRET}"
PHONE = "13800138000"

ACCOUNT = SmsAccount(
    access_key_id="LTAI5tTestAccount0000000",
    access_key_secret="s" * 30,
    sign_name="随心订",
    receipt_secret=RECEIPT_SECRET,
)
SETTINGS = AliyunSmsSettings(
    base_url="https://sms.test",
    access_key_id=ACCOUNT.access_key_id,
    access_key_secret=ACCOUNT.access_key_secret,
    sign_name=ACCOUNT.sign_name,
    receipt_secret=RECEIPT_SECRET,
)


class Line(httpx.AsyncBaseTransport):
    """The line to the provider; a test may cut it before or behind the provider."""

    def __init__(self, provider: httpx.AsyncBaseTransport) -> None:
        self._provider = provider
        self.before: BaseException | None = None
        self.behind: BaseException | None = None
        self.actions: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, unless the line is cut."""
        self.actions.append(request.headers["x-acs-action"])
        if self.before is not None:
            raise self.before
        response = await self._provider.handle_async_request(request)
        if self.behind is not None:
            raise self.behind
        return response


class Killed(BaseException):
    """The worker dies here."""


@dataclass
class Stage:
    """Sends through the simulated provider and looks into its outbox."""

    database: Database
    simulator: ChannelSimulator
    line: Line
    provider: AliyunSms
    http: httpx.AsyncClient = field(repr=False)

    async def write(
        self,
        *,
        template: str = "ticket_received",
        parameters: Mapping[str, str] | None = None,
        cause: str = "ticket:1",
        phone: str = PHONE,
        customer_id: UUID = HOUSE,
        send_before: timedelta | None = None,
    ) -> None:
        """Have a message sent for a cause."""
        async with self.database.transaction() as session:
            await service.send_sms(
                session,
                customer_id=customer_id,
                phone=phone,
                template=template,
                parameters={"ticket": "T2603150001"} if parameters is None else parameters,
                cause=cause,
                now=MORNING,
                send_before=None if send_before is None else MORNING + send_before,
            )

    async def write_code(self, request: str = "1") -> None:
        """Have a login code sent."""
        await self.write(
            template="login_code",
            parameters={"code": "123456"},
            cause=f"login_code:{request}",
            send_before=timedelta(minutes=10),
        )

    async def message(self, cause: str | None = None) -> SmsMessage:
        """The one message, or that of a cause."""
        query = select(SmsMessage)
        if cause is not None:
            query = query.where(SmsMessage.cause == cause)
        async with self.database.transaction() as session:
            return (await session.scalars(query)).one()

    async def work(self, cause: str | None = None) -> SmsMessage:
        """Work on the message as the job does; answers how it stands."""
        found = await self.message(cause)
        await service.send_message(
            self.database,
            self.provider,
            customer_id=found.customer_id,
            message_id=found.message_id,
        )
        return await self.message(cause)

    async def wait(self, **span: float) -> None:
        """Let time pass for every message, and for the breaker."""
        if BREAKER.next_try_at is not None:
            BREAKER.next_try_at -= timedelta(**span)
        async with self.database.transaction() as session:
            await session.execute(
                text(
                    "UPDATE sms_messages SET due_at = due_at - CAST(:by AS interval),"
                    " send_before_at = send_before_at - CAST(:by AS interval)"
                ),
                {"by": timedelta(**span)},
            )

    def outbox(self, phone: str = PHONE) -> list[Sms]:
        """What the provider accepted for a phone, newest first."""
        return self.simulator.sms.outbox.newest(phone=phone)

    def arm(
        self, kind: FaultKind, *, count: int | None = None, endpoint: str | None = None
    ) -> None:
        """Let something go wrong at the provider."""
        self.simulator.faults.arm(FaultOrder(kind=kind, count=count, endpoint=endpoint))


async def make_stage(runtime: Runtime, credentials: ChannelCredentials) -> Stage:
    """A stage over a runtime's database; the provider reports to the product in process."""
    BREAKER.succeeded()
    app = create_simulator(
        SimulatorConfig(
            credentials=replace(credentials, sms=ACCOUNT),
            base_url="https://sms.test",
            templates=provider_texts(),
            receipt_url=f"http://test/api/v1{RECEIPTS}",
            transport=httpx.ASGITransport(app=app_over(runtime)),
        )
    )
    line = Line(httpx.ASGITransport(app=app))
    http = httpx.AsyncClient(transport=line)
    return Stage(
        database=runtime.database,
        simulator=app.state.simulator,
        line=line,
        provider=AliyunSms(SETTINGS, http=http),
        http=http,
    )
