"""A stage for SMS: the product on one side, the simulated provider on the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import select, text

from app.core.clock import BusinessClock
from app.core.config import AliyunSmsBackupSettings, AliyunSmsSettings
from app.core.db import Database
from app.core.ids import HOUSE
from app.core.runtime import Runtime
from app.notifications import service
from app.notifications.channels.aliyun import AliyunSms
from app.notifications.models import SmsAttempt, SmsMessage
from app.notifications.states import SmsAccount as AccountName
from app.notifications.templates import provider_texts
from simulators.channels.aliyun_sms.outbox import Sms
from simulators.channels.app import create_app as create_simulator
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import ChannelCredentials, SmsAccount
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
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
BACKUP = SmsAccount(
    access_key_id="LTAI5tTestBackup00000000",
    access_key_secret="b" * 30,
    sign_name="随心订",
    receipt_secret="q" * 32,
)
REPLIES = f"/sms/aliyun/replies/{RECEIPT_SECRET}"
SETTINGS = AliyunSmsSettings(
    base_url="https://sms.test",
    access_key_id=ACCOUNT.access_key_id,
    access_key_secret=ACCOUNT.access_key_secret,
    sign_name=ACCOUNT.sign_name,
    receipt_secret=RECEIPT_SECRET,
)


BACKUP_SETTINGS = AliyunSmsBackupSettings(
    base_url="https://sms.test",
    access_key_id=BACKUP.access_key_id,
    access_key_secret=BACKUP.access_key_secret,
    sign_name=BACKUP.sign_name,
    receipt_secret=BACKUP.receipt_secret,
)
_NAMES = ("base_url", "access_key_id", "access_key_secret", "sign_name", "receipt_secret")


def environment(*, backup: bool = False) -> dict[str, str]:
    """The accounts as an installation sets them."""
    made = {f"ALIYUN_SMS_{name.upper()}": getattr(SETTINGS, name) for name in _NAMES}
    if backup:
        made |= {
            f"ALIYUN_SMS_BACKUP_{name.upper()}": getattr(BACKUP_SETTINGS, name) for name in _NAMES
        }
    return made


class Line(httpx.AsyncBaseTransport):
    """The line to the provider; a test may cut it before or behind the provider, by account."""

    def __init__(self, provider: httpx.AsyncBaseTransport) -> None:
        self._provider = provider
        self.before: BaseException | None = None
        self.behind: BaseException | None = None
        self.cut: str | None = None
        """The only access key whose calls are cut; None cuts all."""
        self.actions: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, unless the line is cut."""
        self.actions.append(request.headers["x-acs-action"])
        hit = self.cut is None or self.cut in request.headers["authorization"]
        if hit and self.before is not None:
            raise self.before
        response = await self._provider.handle_async_request(request)
        if hit and self.behind is not None:
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
    clock: BusinessClock = field(repr=False)
    backup: AliyunSms | None = None

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
                now=self.clock.now(),
                send_before=None if send_before is None else self.clock.now() + send_before,
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
            [self.provider] if self.backup is None else [self.provider, self.backup],
            customer_id=found.customer_id,
            message_id=found.message_id,
            clock=self.clock,
        )
        return await self.message(cause)

    async def tries(self, cause: str | None = None) -> list[tuple[str, str | None, str | None]]:
        """Account, outcome and error of each attempt."""
        found = await self.message(cause)
        query = (
            select(SmsAttempt)
            .where(SmsAttempt.message_id == found.message_id)
            .order_by(SmsAttempt.attempt_no)
        )
        async with self.database.transaction() as session:
            return [(row.account, row.outcome, row.error) for row in await session.scalars(query)]

    async def wait(self, **span: float) -> None:
        """Let wall time pass for every message, attempt and account."""
        async with self.database.transaction() as session:
            for table, columns in _WALL.items():
                moved = ", ".join(f"{name} = {name} - CAST(:by AS interval)" for name in columns)
                await session.execute(
                    text(f"UPDATE {table} SET {moved}"), {"by": timedelta(**span)}
                )

    def outbox(self, phone: str = PHONE) -> list[Sms]:
        """What the provider accepted for a phone, newest first."""
        return self.simulator.sms.outbox.newest(phone=phone)

    def arm(
        self,
        kind: FaultKind,
        *,
        count: int | None = None,
        endpoint: str | None = None,
        account: str | None = None,
        code: str = "isv.AMOUNT_NOT_ENOUGH",
    ) -> None:
        """Let something go wrong at the provider."""
        self.simulator.faults.arm(
            FaultOrder(kind=kind, count=count, endpoint=endpoint, account=account, code=code)
        )


_WALL = {
    "sms_messages": ("due_at", "send_before_at", "attempted_at"),
    "sms_attempts": ("started_at", "ended_at"),
    "sms_accounts": ("paused_until",),
}


async def make_stage(
    runtime: Runtime, credentials: ChannelCredentials, *, backup: bool = False
) -> Stage:
    """A stage over a runtime's database; the provider reports to the product in process."""
    async with runtime.database.transaction() as session:
        await service.approve_first_texts(session)
    app = create_simulator(
        SimulatorConfig(
            credentials=replace(credentials, sms=ACCOUNT, sms_backup=BACKUP),
            base_url="https://sms.test",
            templates=provider_texts(),
            receipt_url=f"http://test/api/v1{RECEIPTS}",
            reply_url=f"http://test/api/v1{REPLIES}",
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
        clock=runtime.clock,
        backup=AliyunSms(BACKUP_SETTINGS, http=http, account=AccountName.BACKUP)
        if backup
        else None,
    )
