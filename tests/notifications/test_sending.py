"""One SMS per cause, sent once as far as anyone can know, whatever breaks on the way."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from app.core.alerts import list_open_alerts
from app.core.db import Database
from app.core.ids import HOUSE, new_id, public_pair
from app.core.jobs import JobContext
from app.notifications import service
from app.notifications.jobs import sweep as sweep_job
from app.notifications.models import SmsMessage, SmsReceipt
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.faults import FaultKind
from tests.factories.notifications import PHONE, Killed, Stage, make_stage
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock, make_test_runtime


async def _jobs(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM pgqueuer")) or 0)


async def test_a_cause_sends_one_sms_however_often_it_is_said(
    stage: Stage, drain_jobs: Any
) -> None:
    for _ in range(3):
        await stage.write()
    assert await drain_jobs() == ["notifications.send_sms"]
    await stage.write()
    assert await drain_jobs() == []
    (sms,) = stage.outbox()
    assert sms.text == "【随心订】我们已收到您的反馈，编号T2603150001，24小时内答复您。"
    message = await stage.message()
    assert (message.status, message.attempts) == ("accepted", 1)
    assert message.provider_message_id == sms.biz_id
    assert sms.out_id == public_pair("sms", HOUSE, message.message_id)
    assert not message.duplicate_possible


async def test_the_same_cause_of_another_customer_is_another_sms(stage: Stage) -> None:
    await stage.write(customer_id=new_id())
    await stage.write(customer_id=new_id())
    async with stage.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SmsMessage)) == 2


async def test_a_rolled_back_cause_sends_nothing(stage: Stage) -> None:
    with pytest.raises(ZeroDivisionError):
        await _fail_after_sending(stage)
    assert await _jobs(stage.database) == 0
    async with stage.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SmsMessage)) == 0


async def _fail_after_sending(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await service.send_sms(
            session,
            customer_id=HOUSE,
            phone=PHONE,
            template="ticket_received",
            parameters={"ticket": "1"},
            cause="ticket:1",
            now=MORNING,
        )
        raise ZeroDivisionError


async def test_two_workers_send_one_sms(
    live_database: Database, clock: SetClock, tmp_path: Any, credentials: ChannelCredentials
) -> None:
    runtime = make_test_runtime(live_database, clock, tmp_path)
    stage = await make_stage(runtime, credentials)
    await asyncio.gather(*(stage.write() for _ in range(5)))
    assert await _jobs(live_database) == 1
    await asyncio.gather(*(stage.work() for _ in range(4)))
    assert len(stage.outbox()) == 1
    assert stage.line.actions == ["SendSms"]


async def test_a_time_out_is_asked_about_before_anything_is_sent_again(stage: Stage) -> None:
    stage.arm(FaultKind.SMS_STALL, count=1)
    await stage.write()
    message = await stage.work()
    assert (message.status, message.failure) == ("unknown", "no_answer")
    # too early to ask: the call may still be under way over there
    assert (await stage.work()).status == "unknown"
    assert stage.line.actions == ["SendSms"]
    await stage.wait(seconds=61)
    message = await stage.work()
    assert (message.status, message.attempts) == ("accepted", 1)
    assert stage.line.actions == ["SendSms", "QuerySendDetails"]
    assert len(stage.outbox()) == 1
    assert not message.duplicate_possible


async def test_what_the_provider_does_not_have_is_sent_again(stage: Stage, drain_jobs: Any) -> None:
    stage.line.before = httpx.ReadTimeout("lost on the way")
    await stage.write()
    assert (await stage.work()).status == "unknown"
    stage.line.before = None
    await stage.wait(seconds=61)
    assert (await stage.work()).status == "queued"
    await drain_jobs()
    message = await stage.message()
    assert (message.status, message.attempts) == ("accepted", 2)
    assert len(stage.outbox()) == 1
    assert not message.duplicate_possible


async def test_when_nobody_can_tell_a_second_sms_says_that_it_may_be_one(stage: Stage) -> None:
    stage.line.behind = httpx.ReadTimeout("the answer is lost")
    await stage.write()
    await stage.work()
    assert len(stage.outbox()) == 1
    for vain in range(1, 6):
        await stage.wait(hours=1)
        message = await stage.work()
        assert message.enquiries == vain
    assert (message.status, message.duplicate_possible) == ("queued", True)
    stage.line.behind = None
    await stage.wait(seconds=1)
    message = await stage.work()
    assert (message.status, message.attempts) == ("accepted", 2)
    assert message.duplicate_possible
    assert len(stage.outbox()) == 2


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_login_code_goes_again_only_where_the_provider_does_not_have_it(
    stage: Stage, arrived: bool
) -> None:
    lost = httpx.ReadTimeout("lost")
    stage.line.behind, stage.line.before = (lost, None) if arrived else (None, lost)
    await stage.write_code()
    assert (await stage.work()).status == "unknown"
    stage.line.behind = stage.line.before = None
    await stage.wait(seconds=61)
    message = await stage.work()
    assert message.status == ("accepted" if arrived else "queued")
    assert (await stage.work()).status == "accepted"
    assert len(stage.outbox()) == 1
    assert not message.duplicate_possible


async def test_a_login_code_does_not_follow_a_newer_one(stage: Stage) -> None:
    stage.line.before = httpx.ReadTimeout("lost on the way")
    await stage.write_code("1")
    await stage.work("login_code:1")
    stage.line.before = None
    await stage.wait(seconds=61)
    await stage.write_code("2")
    message = await stage.work("login_code:1")
    assert (message.status, message.failure) == ("failed", "superseded")
    assert (await stage.work("login_code:2")).status == "accepted"
    assert len(stage.outbox()) == 1


async def test_a_login_code_is_worthless_after_five_minutes(
    stage: Stage, job_context: JobContext
) -> None:
    await stage.write_code()
    await stage.wait(minutes=5)
    await sweep_job(job_context, {})
    assert (await stage.message()).status == "expired"
    assert stage.line.actions == []


async def test_a_login_code_nobody_can_tell_about_ends_as_unknown(stage: Stage) -> None:
    stage.line.behind = httpx.ReadTimeout("the answer is lost")
    await stage.write_code()
    await stage.work()
    for _ in range(5):
        await stage.wait(hours=1)
        message = await stage.work()
    assert (message.status, message.failure) == ("failed", "outcome_unknown")
    assert stage.line.actions.count("SendSms") == 1


@pytest.mark.parametrize("sent", [True, False])
async def test_a_worker_killed_around_the_call_loses_and_doubles_nothing(
    stage: Stage, job_context: JobContext, drain_jobs: Any, sent: bool
) -> None:
    stage.line.behind, stage.line.before = (Killed(), None) if sent else (None, Killed())
    await stage.write()
    with pytest.raises(Killed):
        await stage.work()
    assert (await stage.message()).status == "sending"
    stage.line.behind = stage.line.before = None
    async with stage.database.transaction() as session:
        await session.execute(text("TRUNCATE pgqueuer"))
    await sweep_job(job_context, {})
    assert await drain_jobs() == []
    await stage.wait(seconds=61)
    await sweep_job(job_context, {})
    await drain_jobs()
    message = await stage.message()
    assert message.status == "accepted"
    assert len(stage.outbox()) == 1
    assert stage.line.actions == ["SendSms", "QuerySendDetails"] + ([] if sent else ["SendSms"])
    assert not message.duplicate_possible


async def test_a_message_from_before_attempts_were_written_down_ends_well(stage: Stage) -> None:
    stage.line.behind = httpx.ReadTimeout("the answer is lost")
    await stage.write()
    await stage.work()
    async with stage.database.transaction() as session:
        await session.execute(text("DELETE FROM sms_attempts"))
        await session.execute(text("UPDATE sms_messages SET phone_index = NULL"))
    stage.line.behind = None
    await stage.wait(seconds=61)
    assert (await stage.work()).status == "accepted"
    assert len(stage.outbox()) == 1


async def test_a_claim_that_went_stale_is_not_acted_upon(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.write()
    with monkeypatch.context() as patch:
        patch.setattr("app.notifications.service._sending.STALE", timedelta(seconds=-1))
        message = await stage.work()
    assert (message.status, message.failure) == ("queued", "unreached")
    assert stage.line.actions == []
    await stage.wait(minutes=1)
    assert (await stage.work()).status == "accepted"


async def test_while_the_provider_is_down_messages_wait_and_then_go_out(
    stage: Stage, job_context: JobContext, drain_jobs: Any
) -> None:
    stage.line.before = httpx.ConnectError("refused")
    for number in range(8):
        await stage.write(cause=f"ticket:{number}", phone=f"1380013800{number}")
    await drain_jobs()
    # after five failures the account rests, and the others are spared the attempt
    assert len(stage.line.actions) == 5
    async with stage.database.transaction() as session:
        await session.execute(text("TRUNCATE pgqueuer"))
        states = (await session.scalars(select(SmsMessage.status).distinct())).all()
    assert states == ["queued"]
    stage.line.before = None
    await stage.wait(minutes=6)
    await sweep_job(job_context, {})
    assert await drain_jobs() == ["notifications.send_sms"] * 8
    assert len(stage.simulator.sms.outbox.newest()) == 8
    async with stage.database.transaction() as session:
        rows = (await session.scalars(select(SmsMessage))).all()
    assert {row.status for row in rows} == {"accepted"}
    assert not any(row.duplicate_possible for row in rows)


async def test_the_pause_between_tries_grows(stage: Stage) -> None:
    stage.line.before = httpx.ConnectError("refused")
    await stage.write()
    pauses = []
    for _ in range(4):
        message = await stage.work()
        assert message.attempted_at is not None
        pauses.append(round((message.due_at - message.attempted_at).total_seconds()))
        async with stage.database.transaction() as session:
            await session.execute(text("UPDATE sms_messages SET due_at = attempted_at"))
    assert pauses == [5, 10, 20, 40]


async def test_the_sweep_wakes_what_is_due_once_and_nothing_else(
    stage: Stage, job_context: JobContext
) -> None:
    await stage.write(cause="ticket:1")
    await stage.write(cause="ticket:2")
    await stage.work("ticket:2")
    for _ in range(2):
        await sweep_job(job_context, {})
    # the two jobs of the causes, still waiting; nothing was added to them
    assert await _jobs(stage.database) == 2
    async with stage.database.transaction() as session:
        await session.execute(text("TRUNCATE pgqueuer"))
    for _ in range(2):
        await sweep_job(job_context, {})
    assert await _jobs(stage.database) == 1


async def test_a_limit_of_the_provider_is_waited_out(stage: Stage) -> None:
    stage.arm(FaultKind.SMS_REFUSED, count=1, code="isv.BUSINESS_LIMIT_CONTROL")
    await stage.write()
    message = await stage.work()
    assert (message.status, message.failure) == ("queued", "isv.BUSINESS_LIMIT_CONTROL")
    assert await stage.tries() == [("primary", "refused", "isv.BUSINESS_LIMIT_CONTROL")]
    await stage.wait(seconds=61)
    assert (await stage.work()).status == "accepted"


async def test_what_only_the_operator_can_mend_raises_an_alert_and_waits(stage: Stage) -> None:
    stage.simulator.sms.templates._known.clear()
    await stage.write()
    message = await stage.work()
    assert (message.status, message.failure) == ("queued", "isv.SMS_TEMPLATE_ILLEGAL")
    async with stage.database.transaction() as session:
        alerts = await list_open_alerts(session)
    assert [(alert.kind, alert.subject) for alert in alerts] == [
        ("sms_template_not_approved", "ticket_received")
    ]


async def test_a_landline_gets_no_sms(stage: Stage, drain_jobs: Any) -> None:
    await stage.write(phone="021-62345678")
    assert await drain_jobs() == []
    message = await stage.message()
    assert (message.status, message.failure) == ("failed", "not_a_mobile")


async def test_old_news_are_not_sent(
    stage: Stage, job_context: JobContext, drain_jobs: Any
) -> None:
    await stage.write(cause="ticket:1")
    await stage.write(cause="ticket:2")
    await stage.wait(hours=24)
    assert (await stage.work("ticket:1")).status == "expired"
    await sweep_job(job_context, {})
    assert (await stage.message("ticket:2")).status == "expired"
    await drain_jobs()
    assert stage.line.actions == []


async def test_without_an_account_messages_wait_and_a_person_is_called(
    stage: Stage, job_context: JobContext, drain_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("ALIYUN_SMS_ACCESS_KEY_SECRET")
        await stage.write()
        await drain_jobs()
        assert ((await stage.message()).status, stage.line.actions) == ("queued", [])
        await sweep_job(job_context, {})
        async with stage.database.transaction() as session:
            (alert,) = await list_open_alerts(session)
        assert alert.kind == "sms_not_configured"
        assert "ALIYUN_SMS_ACCESS_KEY_SECRET" in alert.facts["reason"]
        assert await _jobs(stage.database) == 0
    await sweep_job(job_context, {})
    async with stage.database.transaction() as session:
        assert await list_open_alerts(session) == []
    await drain_jobs()
    assert (await stage.message()).status == "accepted"


async def test_codes_and_their_reports_are_forgotten_a_day_later(stage: Stage) -> None:
    await stage.write_code()
    await stage.work()
    await stage.write(cause="ticket:1", customer_id=new_id())
    async with stage.database.transaction() as session:
        await service.prune(session)
        assert await session.scalar(select(func.count()).select_from(SmsMessage)) == 2
        assert await session.scalar(select(func.count()).select_from(SmsReceipt)) == 1
    await stage.wait(days=1, minutes=11)
    async with stage.database.transaction() as session:
        await service.prune(session)
        assert (await session.scalars(select(SmsMessage.cause))).all() == ["ticket:1"]
        assert await session.scalar(select(func.count()).select_from(SmsReceipt)) == 0
