"""What one number gets: limits kept before the provider rejects, hours, consent, the letter R."""

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.core.clock import OPERATOR_ZONE
from app.core.db import Database
from app.customers.models import Consent, ConsentPurpose
from app.customers.service import add_privacy_text, has_consent
from app.identity.models import Role
from app.notifications.models import SmsMessage, SmsNumber, SmsReply
from app.notifications.rules import Limits, meaning_of, useful_until, wait_for_number
from app.notifications.states import ReplyMeaning
from simulators.channels.aliyun_sms.limits import NumberLimits
from simulators.channels.aliyun_sms.templates import TemplateKind
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.faults import FaultKind
from tests.factories.notifications import PHONE, REPLIES, Stage, make_stage
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock, make_test_runtime

PROMOTION = {"news": "新品酸奶上市", "until": "3月31日"}


async def _consent(client: httpx.AsyncClient, world: World, stage: Stage, *, given: bool) -> None:
    async with stage.database.transaction() as session:
        if given:
            await add_privacy_text(
                session,
                purpose=ConsentPurpose.MARKETING_SMS,
                version=f"v{stage.clock.now():%H%M%S}",
                title="营销短信",
                text="我们会发送优惠信息。",
                effective_date=stage.clock.today(),
                today=stage.clock.today(),
            )
    version = f"v{stage.clock.now():%H%M%S}" if given else None
    answer = await client.post(
        "/me/consents",
        json={
            "purpose": "marketing_sms",
            "given": given,
            "text_version": version,
            "channel": "web",
        },
        headers=world.household.headers | once(),
    )
    assert answer.status_code == 201, answer.text


async def _promote(stage: Stage, world: World, cause: str = "promotion:1") -> SmsMessage:
    await stage.write(
        template="promotion",
        parameters=PROMOTION,
        cause=cause,
        customer_id=world.household.customer_id,
        phone=world.household.phone,
    )
    return await stage.work(cause)


async def test_a_sixth_message_of_a_kind_waits_a_minute_and_the_provider_hears_of_none(
    stage: Stage,
) -> None:
    for number in range(6):
        await stage.write(cause=f"ticket:{number}")
        await stage.work(f"ticket:{number}")
    message = await stage.message("ticket:5")
    assert (message.status, message.failure) == ("queued", "limit_per_minute")
    assert stage.line.actions == ["SendSms"] * 5
    # another kind to the same phone is counted apart, as the provider does
    await stage.write(template="ticket_answered", cause="ticket:6")
    assert (await stage.work("ticket:6")).status == "accepted"
    await stage.wait(seconds=61)
    assert (await stage.work("ticket:5")).status == "accepted"


async def test_login_codes_are_counted_together_and_wait_while_they_are_useful(
    stage: Stage,
) -> None:
    for request in ("1", "2"):
        await stage.write_code(request)
        await stage.work(f"login_code:{request}")
    message = await stage.message("login_code:2")
    assert (message.status, message.failure) == ("queued", "limit_per_minute")
    await stage.wait(seconds=61)
    await stage.simulator.advance(61)
    assert (await stage.work("login_code:2")).status == "accepted"


async def test_what_waiting_would_make_worthless_is_suppressed_with_its_reason(
    stage: Stage,
) -> None:
    for number in range(5):
        await stage.write_code(str(number))
        assert (await stage.work(f"login_code:{number}")).status == "accepted"
        await stage.wait(minutes=2)
        await stage.simulator.advance(120)
    await stage.write_code("6")
    message = await stage.work("login_code:6")
    assert (message.status, message.failure) == ("suppressed", "limit_per_hour")
    assert len(stage.outbox()) == 5


async def test_refused_attempts_do_not_count(stage: Stage) -> None:
    stage.arm(FaultKind.SMS_REFUSED, count=1, code="isv.BUSINESS_LIMIT_CONTROL")
    await stage.write_code("1")
    await stage.work("login_code:1")
    await stage.write_code("2")
    assert (await stage.work("login_code:2")).status == "accepted"


async def test_two_workers_count_one_number_one_by_one(
    live_database: Database, clock: SetClock, tmp_path: Any, credentials: ChannelCredentials
) -> None:
    runtime = make_test_runtime(live_database, clock, tmp_path)
    stage = await make_stage(runtime, credentials)
    for request in range(4):
        await stage.write_code(str(request))
    await asyncio.gather(*(stage.work(f"login_code:{request}") for request in range(4)))
    assert len(stage.outbox()) == 1
    await stage.simulator.aclose()
    await stage.http.aclose()
    await runtime.http.aclose()


@given(st.lists(st.integers(min_value=0, max_value=90_000), max_size=60))
def test_our_limits_for_codes_are_never_looser_than_the_providers(seconds: list[int]) -> None:
    """Whatever is asked for when: what we let through, the provider's own counting takes."""
    ours = Limits(per_minute=1, per_hour=5, per_day=10)
    theirs = NumberLimits(enabled=True)
    sent: list[datetime] = []
    key: dict[str, Any] = {
        "kind": TemplateKind.CODE,
        "sign_name": "s",
        "template": "t",
        "phone": PHONE,
    }
    for at in sorted(seconds):
        now = MORNING + timedelta(seconds=at)
        wait = wait_for_number(sent, limits=ours, now=now)
        if wait is None:
            theirs.check(**key, now=now)
            theirs.count(**key, now=now)
            sent.append(now)
        else:
            # a moment before that time one more would still be too many
            early = now + wait[0] - timedelta(seconds=1)
            assert wait[0] <= timedelta(seconds=1) or wait_for_number(sent, limits=ours, now=early)
            assert wait_for_number(sent, limits=ours, now=now + wait[0]) is None


def test_news_of_the_morning_are_of_no_use_after_noon() -> None:
    at = datetime(2026, 3, 15, 6, 30, tzinfo=OPERATOR_ZONE)
    noon = useful_until(now=at, useful=timedelta(days=1), until=time(12))
    assert noon.astimezone(OPERATOR_ZONE) == datetime(2026, 3, 15, 12, tzinfo=OPERATOR_ZONE)
    late = at.replace(hour=13)
    assert useful_until(now=late, useful=timedelta(days=1), until=time(12)) < late


async def test_late_news_written_after_noon_are_born_expired(
    stage: Stage, clock: SetClock, drain_jobs: Any
) -> None:
    clock.set(MORNING + timedelta(hours=3))
    late = {"date": "2026-03-15", "until": "09:00"}
    await stage.write(template="delivery_late", parameters=late, cause="late:1")
    assert await drain_jobs() == []
    assert (await stage.message()).status == "expired"


async def test_promotions_need_a_consent(
    client: httpx.AsyncClient, world: World, stage: Stage, clock: SetClock
) -> None:
    message = await _promote(stage, world)
    assert (message.status, message.failure) == ("suppressed", "no_consent")
    await _consent(client, world, stage, given=True)
    assert (await _promote(stage, world, "promotion:2")).status == "accepted"
    assert stage.outbox(world.household.phone)[0].text.endswith("拒收请回复R")
    clock.set(MORNING + timedelta(hours=1))
    await _consent(client, world, stage, given=False)
    message = await _promote(stage, world, "promotion:3")
    assert (message.status, message.failure) == ("suppressed", "no_consent")


async def test_promotions_wait_for_their_hours(
    client: httpx.AsyncClient, world: World, stage: Stage, clock: SetClock
) -> None:
    await _consent(client, world, stage, given=True)
    clock.set(MORNING + timedelta(hours=12))
    message = await _promote(stage, world)
    assert (message.status, message.failure) == ("queued", "outside_hours")
    assert stage.line.actions == []
    clock.set(MORNING + timedelta(hours=22, minutes=1))
    assert (await stage.work()).status == "accepted"
    # a service message knows no hours
    clock.set(MORNING + timedelta(hours=12))
    await stage.write(cause="ticket:1")
    assert (await stage.work("ticket:1")).status == "accepted"


async def test_the_letter_r_ends_promotions_at_once_and_is_kept(
    client: httpx.AsyncClient, world: World, stage: Stage, clock: SetClock
) -> None:
    await _consent(client, world, stage, given=True)
    await stage.write(
        template="promotion",
        parameters=PROMOTION,
        cause="promotion:1",
        customer_id=world.household.customer_id,
        phone=world.household.phone,
    )
    clock.set(MORNING + timedelta(minutes=1))
    await stage.simulator.replies.send(phone=world.household.phone, content=" r ")
    (attempt,) = stage.simulator.replies.attempts
    assert attempt.status == 200
    # written before, not sent after
    assert (await stage.work()).status == "suppressed"
    async with stage.database.transaction() as session:
        purpose = ConsentPurpose.MARKETING_SMS
        customer_id = world.household.customer_id
        assert not await has_consent(session, customer_id=customer_id, purpose=purpose)
        last = (
            await session.scalars(select(Consent).order_by(Consent.consent_id.desc()).limit(1))
        ).one()
        assert (last.given, last.channel) == (False, "sms")
        reply = (await session.scalars(select(SmsReply))).one()
        assert reply.meaning == "stop"
        assert world.household.phone.encode() not in reply.phone_sealed
    # service messages go on, and a consent given later counts again
    await stage.write(cause="ticket:1", phone=world.household.phone)
    assert (await stage.work("ticket:1")).status == "accepted"
    clock.set(MORNING + timedelta(minutes=5))
    await _consent(client, world, stage, given=True)
    assert (await _promote(stage, world, "promotion:2")).status == "accepted"


async def test_a_reply_that_repeats_counts_once_and_a_chat_opts_nobody_out(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    said = {
        "phone_number": PHONE,
        "send_time": "2026-03-15 10:00:00",
        "content": "谢谢",
        "sign_name": "随心订",
        "dest_code": "10690001",
        "sequence_id": 1234567890,
    }
    for content in ("谢谢", "R"):
        answer = await client.post(REPLIES, json=[said | {"content": content}])
        assert answer.json() == {"code": 0, "msg": "接收成功"}
    async with stage.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SmsReply)) == 1
        assert await session.scalar(select(func.count()).select_from(SmsNumber)) == 0
    shown = await client.get("/sms/replies", headers=world.staff[Role.SERVICE_AGENT].headers)
    (item,) = shown.json()["items"]
    assert (item["phone"], item["content"], item["meaning"]) == ("138****8000", "谢谢", "other")


@pytest.mark.parametrize("secret", ["x", "r" * 31, "随心订"])
async def test_a_forged_reply_opts_nobody_out(
    client: httpx.AsyncClient, stage: Stage, secret: str
) -> None:
    said = {"phone_number": PHONE, "content": "R", "sequence_id": 1}
    answer = await client.post(f"/sms/aliyun/replies/{secret}", json=[said])
    assert answer.status_code == 404
    async with stage.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SmsNumber)) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"sequence_id": 1},
        [{}],
        [{"phone_number": PHONE, "content": "R", "sequence_id": ""}],
        [{"phone_number": PHONE, "content": "R", "sequence_id": -1}],
        [{"phone_number": "1" * 31, "content": "R", "sequence_id": 1}],
        [{"phone_number": PHONE, "content": "R" * 1001, "sequence_id": 1}],
    ],
)
async def test_a_malformed_reply_is_refused(
    client: httpx.AsyncClient, stage: Stage, body: object
) -> None:
    assert (await client.post(REPLIES, json=body)).status_code == 422


@pytest.mark.parametrize(
    ("content", "stops"),
    [
        ("R", True),
        ("Ｒ", True),
        ("r。", True),
        ("td", True),
        ("退订", True),
        ("TR", False),
        ("", False),
    ],
)
def test_what_a_reply_means(content: str, stops: bool) -> None:
    assert meaning_of(content) is (ReplyMeaning.STOP if stops else ReplyMeaning.OTHER)


async def test_limits_are_rows_with_dates(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    manager = world.staff[Role.MANAGER].headers
    rule = {
        "category": "service",
        "from_date": "2026-03-15",
        "per_minute": 1,
        "per_hour": None,
        "per_day": 2,
    }
    early = await client.post(
        "/sms/rules", json=rule | {"from_date": "2026-03-14"}, headers=manager | once()
    )
    assert (early.status_code, early.json()["code"]) == (422, "sms_rule_too_early")
    for wrong in (
        {"per_minute": 0},
        {"opens_at": "08:00"},
        {"opens_at": "9:00", "closes_at": "8:00"},
    ):
        answer = await client.post("/sms/rules", json=rule | wrong, headers=manager | once())
        assert answer.status_code == 422
    assert len((await client.get("/sms/rules", headers=manager)).json()["items"]) == 3
    made = await client.post("/sms/rules", json=rule, headers=manager | once())
    assert made.status_code == 201
    items = (await client.get("/sms/rules", headers=manager)).json()["items"]
    service_rules = [one for one in items if one["category"] == "service"]
    assert [(one["until_date"], one["per_minute"]) for one in service_rules] == [
        ("2026-03-14", 5),
        (None, 1),
    ]
    assert date.fromisoformat(service_rules[1]["from_date"]) == stage.clock.today()
    for number in range(2):
        await stage.write(cause=f"ticket:{number}")
        await stage.work(f"ticket:{number}")
    assert (await stage.message("ticket:1")).failure == "limit_per_minute"
