"""The adapter speaks Aliyun's protocol: published vector, then the simulated provider."""

import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.core.clock import wall_now
from app.core.outbound import OutcomeUnknown
from app.notifications.channels import Accepted, Found, Refused, Unreached
from app.notifications.channels.acs3 import canonical_request, signed_headers
from app.notifications.channels.aliyun import AliyunSms, refusal
from app.notifications.channels.protocol import Fate, RefusalKind
from app.notifications.templates import get_kind
from simulators.channels.faults import FaultKind
from tests.factories.notifications import PHONE, SETTINGS, Stage

CODE = get_kind("login_code")
NOTICE = get_kind("order_confirmed")
VALUES = {"order": "A 1~*", "date": "2026-03-16"}


def test_the_published_vector() -> None:
    query = {
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        "RegionId": "cn-shanghai",
    }
    headers = signed_headers(
        method="POST",
        path="/",
        query=query,
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
        access_key_id="YourAccessKeyId",
        access_key_secret="YourAccessKeySecret",
    )
    authorization = headers.pop("authorization")
    canonical = canonical_request(method="POST", path="/", query=query, headers=headers, body=b"")
    assert hashlib.sha256(canonical.encode()).hexdigest() == (
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    )
    assert authorization == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


async def _send(provider: AliyunSms, out_id: str = "sms_1", phone: str = PHONE) -> object:
    return await provider.send(
        phone=phone, template_code=NOTICE.provider_code, parameters=VALUES, out_id=out_id
    )


async def test_the_provider_understands_us(stage: Stage) -> None:
    answer = await _send(stage.provider)
    assert isinstance(answer, Accepted)
    (sms,) = stage.outbox()
    assert (sms.biz_id, sms.out_id) == (answer.message_id, "sms_1")
    assert sms.text == "【随心订】您的订单A 1~*已审核通过，2026-03-16起为您送奶。"
    found = await stage.provider.find(phone=PHONE, out_id="sms_1", sent_at=wall_now())
    assert found == Found(Fate.WAITING)
    await stage.simulator.advance(5)
    found = await stage.provider.find(phone=PHONE, out_id="sms_1", sent_at=wall_now())
    assert found == Found(Fate.RECEIVED)
    assert await stage.provider.find(phone=PHONE, out_id="sms_2", sent_at=wall_now()) is None


async def test_a_base_address_with_a_port_is_signed_as_it_is_called(stage: Stage) -> None:
    settings = SETTINGS.model_copy(update={"base_url": "https://sms.test:8443/"})
    assert isinstance(await _send(AliyunSms(settings, http=stage.http)), Accepted)


async def test_records_are_read_to_their_end(stage: Stage) -> None:
    stage.simulator.limits.enabled = False
    for number in range(103):
        await _send(stage.provider, out_id=f"sms_{number}")
    found = await stage.provider.find(phone=PHONE, out_id="sms_0", sent_at=wall_now())
    assert found == Found(Fate.WAITING)
    assert stage.line.actions.count("QuerySendDetails") == 3


async def test_around_midnight_both_days_are_searched(stage: Stage) -> None:
    await stage.provider.find(
        phone=PHONE,
        out_id="x",
        sent_at=wall_now().replace(hour=15, minute=59, second=30) - timedelta(days=1),
    )
    assert stage.line.actions == ["QuerySendDetails"] * 2


async def test_a_failed_delivery_is_found_with_its_reason(stage: Stage) -> None:
    stage.arm(FaultKind.SMS_RECEIPT_FAILED)
    await _send(stage.provider)
    await stage.simulator.advance(5)
    found = await stage.provider.find(phone=PHONE, out_id="sms_1", sent_at=wall_now())
    assert found == Found(Fate.FAILED, "MOBILE_NOT_ON_SERVICE")


async def test_refusals_say_what_to_do(stage: Stage) -> None:
    wrong = SETTINGS.model_copy(update={"access_key_secret": "x" * 30})
    assert await _send(AliyunSms(wrong, http=stage.http)) == Refused(
        "SignatureDoesNotMatch", RefusalKind.ACCOUNT
    )
    unknown = SETTINGS.model_copy(update={"access_key_id": "LTAI5tNobody"})
    answer = await _send(AliyunSms(unknown, http=stage.http))
    assert answer == Refused("InvalidAccessKeyId.NotFound", RefusalKind.ACCOUNT)
    unsigned = SETTINGS.model_copy(update={"sign_name": "别家"})
    answer = await _send(AliyunSms(unsigned, http=stage.http))
    assert answer == Refused("isv.SMS_SIGNATURE_ILLEGAL", RefusalKind.ACCOUNT)
    assert await _send(stage.provider, phone="12345") == Refused(
        "isv.MOBILE_NUMBER_ILLEGAL", RefusalKind.FINAL
    )
    send = stage.provider.send
    await send(
        phone=PHONE, template_code=CODE.provider_code, parameters={"code": "123456"}, out_id="sms_1"
    )
    again = await send(
        phone=PHONE, template_code=CODE.provider_code, parameters={"code": "123456"}, out_id="sms_2"
    )
    assert again == Refused("isv.BUSINESS_LIMIT_CONTROL", RefusalKind.NUMBER)
    assert refusal("Throttling.User").kind is RefusalKind.LATER
    assert refusal("isv.AMOUNT_NOT_ENOUGH").kind is RefusalKind.ACCOUNT
    assert refusal("isv.SMS_TEMPLATE_ILLEGAL").kind is RefusalKind.TEMPLATE
    assert len(stage.outbox()) == 1


async def test_silence_and_nonsense_mean_nothing_is_known(stage: Stage) -> None:
    stage.arm(FaultKind.SMS_STALL, count=1)
    with pytest.raises(httpx.ReadTimeout):
        await _send(stage.provider)
    stage.arm(FaultKind.SMS_RESET, count=1)
    with pytest.raises(httpx.ReadError):
        await _send(stage.provider)
    stage.arm(FaultKind.SMS_DOWN, count=2)
    with pytest.raises(OutcomeUnknown):
        await _send(stage.provider)
    with pytest.raises(OutcomeUnknown):
        await stage.provider.find(phone=PHONE, out_id="sms_1", sent_at=wall_now())
    for body in (b"<html>", b"[]", b"{}", b'{"Code": 1}', b'{"Code": "OK"}'):
        transport = httpx.MockTransport(lambda _, body=body: httpx.Response(200, content=body))
        async with httpx.AsyncClient(transport=transport) as http:
            with pytest.raises(OutcomeUnknown):
                await _send(AliyunSms(SETTINGS, http=http))
            with pytest.raises(OutcomeUnknown):
                await AliyunSms(SETTINGS, http=http).find(
                    phone=PHONE, out_id="sms_1", sent_at=wall_now()
                )


async def test_a_request_that_never_left_sent_nothing(stage: Stage) -> None:
    stage.line.before = httpx.ConnectError("refused")
    assert await _send(stage.provider) == Unreached("ConnectError")
    stage.line.before = httpx.ConnectTimeout("no route")
    assert await _send(stage.provider) == Unreached("ConnectTimeout")
