"""The provider's reports: unsigned, repeated, early, forged."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.core.ids import HOUSE, new_id, public_pair
from app.identity.models import SecurityEvent
from app.notifications.models import SmsReceipt
from simulators.channels.faults import FaultKind
from tests.factories.notifications import PHONE, RECEIPTS, Stage

ACCEPTED = {"code": 0, "msg": "接收成功"}


def _report(**changes: Any) -> dict[str, Any]:
    return {
        "phone_number": PHONE,
        "send_time": "2026-03-15 10:00:00",
        "report_time": "2026-03-15 10:00:03",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "932702304080415357^0",
        "out_id": "",
    } | changes


async def _receipts(stage: Stage) -> int:
    async with stage.database.transaction() as session:
        return int(await session.scalar(select(func.count()).select_from(SmsReceipt)) or 0)


async def test_a_report_ends_the_message_and_a_repeat_changes_nothing(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    stage.arm(FaultKind.SMS_RECEIPT_REPEATED, count=1)
    await stage.write()
    await stage.work()
    await stage.simulator.advance(5)
    attempts = list(stage.simulator.receipts.attempts)
    assert len(attempts) == 3
    assert {attempt.status for attempt in attempts} == {200}
    message = await stage.message()
    assert (message.status, message.failure) == ("delivered", None)
    late = _report(biz_id=message.provider_message_id, success=False, err_code="MK:0001")
    assert (await client.post(RECEIPTS, json=[late])).json() == ACCEPTED
    assert (await stage.message()).status == "delivered"
    async with stage.database.transaction() as session:
        kept = (await session.scalars(select(SmsReceipt))).one()
    assert kept.succeeded is True
    assert PHONE not in str(kept.facts)


async def test_a_failed_delivery_is_shown_with_its_reason(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    stage.arm(FaultKind.SMS_RECEIPT_FAILED)
    await stage.write()
    await stage.work()
    await stage.simulator.advance(5)
    message = await stage.message()
    assert (message.status, message.failure) == ("failed", "MOBILE_NOT_ON_SERVICE")
    # the first word about a number stands
    contrary = _report(biz_id=message.provider_message_id)
    assert (await client.post(RECEIPTS, json=[contrary])).json() == ACCEPTED
    assert (await stage.message()).status == "failed"


async def test_a_report_may_be_faster_than_the_answer(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    await stage.write()
    out_id = public_pair("sms", HOUSE, (await stage.message()).message_id)
    send = stage.provider.send

    async def report_first(**asked: Any) -> Any:
        answer = await send(**asked)
        early = _report(biz_id=stage.outbox()[0].biz_id, out_id=out_id)
        assert (await client.post(RECEIPTS, json=[early])).json() == ACCEPTED
        return answer

    stage.provider.send = report_first  # type: ignore[method-assign]  # the report overtakes
    message = await stage.work()
    assert message.status == "delivered"
    assert message.provider_message_id == stage.outbox()[0].biz_id
    assert await _receipts(stage) == 1


async def test_a_report_settles_what_was_unknown(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.arm(FaultKind.SMS_STALL, count=1)
    await stage.write()
    assert (await stage.work()).status == "unknown"
    await stage.simulator.advance(5)
    assert (await stage.message()).status == "delivered"
    assert [outcome for _, outcome, _ in await stage.tries()] == ["accepted"]
    await stage.wait(hours=1)
    await stage.work()
    assert stage.line.actions == ["SendSms"]


@pytest.mark.parametrize("secret", ["x", "r" * 31, "r" * 33, "随心订", "%2e%2e"])
async def test_a_forged_report_finds_nothing(
    client: httpx.AsyncClient, stage: Stage, secret: str
) -> None:
    await stage.write()
    message = await stage.work()
    forged = _report(biz_id=message.provider_message_id)
    answer = await client.post(f"/sms/aliyun/receipts/{secret}", json=[forged])
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await stage.message()).status == "accepted"


async def test_without_a_secret_of_ours_no_report_is_taken(
    client: httpx.AsyncClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIYUN_SMS_RECEIPT_SECRET", "")
    assert (await client.post(RECEIPTS, json=[_report()])).status_code == 404
    monkeypatch.delenv("ALIYUN_SMS_ACCESS_KEY_ID")
    assert (await client.post(RECEIPTS, json=[_report()])).status_code == 404


async def test_unknown_numbers_are_taken_and_forgotten(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    for out_id in ("", "sms_x", public_pair("ord", HOUSE, new_id())):
        answer = await client.post(RECEIPTS, json=[_report(out_id=out_id)])
        assert (answer.status_code, answer.json()) == (200, ACCEPTED)
    assert (await client.post(RECEIPTS, json=[])).json() == ACCEPTED
    assert await _receipts(stage) == 0


async def test_a_report_about_another_phone_is_not_believed(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    await stage.write()
    message = await stage.work()
    other = _report(biz_id=message.provider_message_id, phone_number="13900139000")
    assert (await client.post(RECEIPTS, json=[other])).json() == ACCEPTED
    assert (await stage.message()).status == "accepted"
    async with stage.database.transaction() as session:
        kinds = (await session.scalars(select(SecurityEvent.kind))).all()
    assert kinds == ["sms_report_mismatch"]


@pytest.mark.parametrize(
    "body",
    [
        {"biz_id": "1"},
        [{}],
        [_report(biz_id="")],
        [_report(biz_id="\x00")],
        [_report(err_code="\x00")],
        [_report(success="perhaps")],
        [_report()] * 1001,
    ],
)
async def test_a_malformed_report_is_refused(
    client: httpx.AsyncClient, stage: Stage, body: object
) -> None:
    answer = await client.post(RECEIPTS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await _receipts(stage) == 0
