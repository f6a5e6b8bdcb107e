"""Two accounts: what one does not send the other does, once, and each attempt is written down."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from app.core.alerts import list_open_alerts
from app.core.jobs import JobContext
from app.notifications.jobs import sweep as sweep_job
from app.notifications.models import SmsMessage, SmsTemplate, SmsTemplateCode
from app.notifications.states import Approval, SmsAccount
from simulators.channels.faults import FaultKind
from tests.factories.notifications import ACCOUNT, BACKUP, Killed, Stage


async def _alerts(stage: Stage) -> list[tuple[str, str]]:
    async with stage.database.transaction() as session:
        return [(alert.kind, alert.subject) for alert in await list_open_alerts(session)]


async def _approve(stage: Stage, kind: str, account: SmsAccount, approval: Approval) -> None:
    async with stage.database.transaction() as session:
        template = (
            await session.scalars(select(SmsTemplate).where(SmsTemplate.kind == kind))
        ).one()
        code = await session.get_one(SmsTemplateCode, (template.id, account))
        code.approval = approval


@pytest.mark.parametrize(
    ("code", "pauses"),
    [
        ("isv.AMOUNT_NOT_ENOUGH", True),
        ("isv.OUT_OF_SERVICE", True),
        ("Throttling.User", True),
        ("isv.SMS_TEMPLATE_ILLEGAL", False),
    ],
)
async def test_what_the_first_account_refuses_the_second_sends(
    pair: Stage, code: str, pauses: bool
) -> None:
    pair.arm(FaultKind.SMS_REFUSED, account="primary", code=code)
    await pair.write_code()
    assert (await pair.work()).status == "queued"
    message = await pair.work()
    assert (message.status, message.attempts, message.failure) == ("accepted", 2, None)
    assert await pair.tries() == [("primary", "refused", code), ("backup", "accepted", None)]
    (sms,) = pair.outbox()
    assert sms.account == "backup"
    # the next message does not even knock at an account that rests
    await pair.write(cause="ticket:2")
    await pair.work("ticket:2")
    first = (await pair.tries("ticket:2"))[0][0]
    assert first == ("backup" if pauses else "primary")


async def test_an_account_that_needs_a_person_is_told_of_once_and_comes_back(
    pair: Stage,
) -> None:
    pair.arm(FaultKind.SMS_REFUSED, account="primary")
    for number in range(3):
        await pair.write(cause=f"ticket:{number}")
        await pair.work(f"ticket:{number}")
        await pair.work(f"ticket:{number}")
    assert await _alerts(pair) == [("sms_account_down", "primary")]
    assert [sms.account for sms in pair.outbox()] == ["backup"] * 3
    pair.simulator.faults.clear()
    await pair.wait(minutes=6)
    await pair.write(cause="ticket:9")
    await pair.work("ticket:9")
    assert pair.outbox()[0].account == "primary"
    assert await _alerts(pair) == []


async def test_a_refused_connection_goes_to_the_other_account_at_once(pair: Stage) -> None:
    pair.line.before, pair.line.cut = httpx.ConnectError("refused"), ACCOUNT.access_key_id
    await pair.write()
    await pair.work()
    assert (await pair.work()).status == "accepted"
    assert await pair.tries() == [
        ("primary", "unreached", "ConnectError"),
        ("backup", "accepted", None),
    ]


@pytest.mark.parametrize("arrived", [True, False])
async def test_after_a_time_out_the_first_account_is_asked_before_the_second_sends(
    pair: Stage, arrived: bool
) -> None:
    lost = httpx.ReadTimeout("lost")
    pair.line.cut = ACCOUNT.access_key_id
    pair.line.behind, pair.line.before = (lost, None) if arrived else (None, lost)
    await pair.write()
    assert (await pair.work()).status == "unknown"
    pair.line.behind = pair.line.before = None
    # too early: nothing is asked, and nothing is sent elsewhere
    assert (await pair.work()).status == "unknown"
    await pair.wait(seconds=61)
    await pair.work()
    message = await pair.work()
    assert message.status == "accepted"
    assert not message.duplicate_possible
    assert len(pair.outbox()) == 1
    outcomes = [(account, outcome) for account, outcome, _ in await pair.tries()]
    assert outcomes == (
        [("primary", "accepted")] if arrived else [("primary", "not_found"), ("backup", "accepted")]
    )


async def test_records_that_came_too_late_are_told_by_the_second_report(pair: Stage) -> None:
    pair.line.cut = ACCOUNT.access_key_id
    pair.line.behind = httpx.ReadTimeout("lost")
    await pair.write()
    await pair.work()
    pair.line.behind = None
    kept = pair.simulator.sms.outbox.on_day
    pair.simulator.sms.outbox.on_day = lambda *_, **__: []  # type: ignore[method-assign]  # not yet shown
    await pair.wait(seconds=61)
    await pair.work()
    pair.simulator.sms.outbox.on_day = kept  # type: ignore[method-assign]  # as before
    assert (await pair.work()).status == "accepted"
    assert not (await pair.message()).duplicate_possible
    await pair.simulator.advance(5)
    message = await pair.message()
    assert (message.status, message.duplicate_possible) == ("delivered", True)
    assert len(pair.outbox()) == 2


async def test_only_the_account_that_was_tried_is_asked(pair: Stage) -> None:
    pair.line.behind, pair.line.cut = httpx.ReadTimeout("lost"), ACCOUNT.access_key_id
    await pair.write()
    await pair.work()
    for _ in range(5):
        await pair.wait(hours=1)
        message = await pair.work()
    # five vain questions: nobody can tell, so the second message says so
    assert (message.status, message.duplicate_possible) == ("queued", True)
    message = await pair.work()
    assert (message.status, message.duplicate_possible) == ("accepted", True)
    assert [sms.account for sms in pair.outbox()] == ["backup", "primary"]


@pytest.mark.parametrize("sent", [True, False])
async def test_a_worker_killed_in_the_second_call_loses_and_doubles_nothing(
    pair: Stage, job_context: JobContext, drain_jobs: Any, sent: bool
) -> None:
    pair.arm(FaultKind.SMS_REFUSED, account="primary")
    await pair.write()
    await pair.work()
    pair.line.cut = BACKUP.access_key_id
    pair.line.behind, pair.line.before = (Killed(), None) if sent else (None, Killed())
    with pytest.raises(Killed):
        await pair.work()
    assert await pair.tries() == [
        ("primary", "refused", "isv.AMOUNT_NOT_ENOUGH"),
        ("backup", None, None),
    ]
    pair.line.behind = pair.line.before = None
    async with pair.database.transaction() as session:
        await session.execute(text("TRUNCATE pgqueuer"))
    await pair.wait(seconds=61)
    for _ in range(3):
        await sweep_job(job_context, {})
        await drain_jobs()
        await pair.wait(minutes=5)
    message = await pair.message()
    assert message.status == "accepted"
    assert [sms.account for sms in pair.outbox()] == ["backup"]
    assert not message.duplicate_possible


async def test_a_text_that_is_not_approved_anywhere_waits_and_is_told_of(pair: Stage) -> None:
    for account in SmsAccount:
        await _approve(pair, "ticket_received", account, Approval.REJECTED)
    await pair.write()
    message = await pair.work()
    assert (message.status, message.failure, message.attempts) == ("queued", "not_approved", 0)
    assert pair.line.actions == []
    assert await _alerts(pair) == [("sms_template_not_approved", "ticket_received")]
    await _approve(pair, "ticket_received", SmsAccount.BACKUP, Approval.APPROVED)
    await pair.wait(minutes=2)
    assert (await pair.work()).status == "accepted"
    assert pair.outbox()[0].account == "backup"


async def test_an_hour_without_a_provider_loses_nothing_and_is_told_of_once(
    pair: Stage, job_context: JobContext, drain_jobs: Any
) -> None:
    pair.line.before = httpx.ConnectError("refused")
    await pair.write_code()
    for number in range(12):
        await pair.write(cause=f"ticket:{number}", phone=f"138001380{number:02}")
    for _ in range(12):
        await sweep_job(job_context, {})
        await drain_jobs()
        await pair.wait(minutes=5)
    tried = pair.line.actions.count("SendSms")
    # two accounts, five calls each until they rest, then one trial a sweep
    assert tried <= 2 * (5 + 12)
    assert sorted(await _alerts(pair)) == [
        ("sms_account_down", "backup"),
        ("sms_account_down", "primary"),
    ]
    pair.line.before = None
    for _ in range(6):
        await pair.wait(minutes=10)
        await sweep_job(job_context, {})
        await drain_jobs()
    async with pair.database.transaction() as session:
        rows = (await session.scalars(select(SmsMessage))).all()
    by_kind = {(row.template, row.status) for row in rows}
    assert by_kind == {("login_code", "expired"), ("ticket_received", "accepted")}
    assert len(pair.simulator.sms.outbox.newest()) == 12
    assert not any(row.duplicate_possible for row in rows)
    # the first account carries all again; the second one is not known to work until it is needed
    assert await _alerts(pair) == [("sms_account_down", "backup")]


async def test_both_accounts_refusing_means_a_pause_that_grows(pair: Stage) -> None:
    pair.arm(FaultKind.SMS_REFUSED, code="isv.SMS_TEMPLATE_ILLEGAL")
    await pair.write()
    pauses = []
    for _ in range(3):
        await pair.work()
        message = await pair.work()
        assert message.attempted_at is not None
        pauses.append(round((message.due_at - message.attempted_at) / timedelta(seconds=1)))
        async with pair.database.transaction() as session:
            await session.execute(text("UPDATE sms_messages SET due_at = attempted_at"))
    assert pauses == [60, 120, 240]
    assert [account for account, _, _ in await pair.tries()] == ["primary", "backup"] * 3
