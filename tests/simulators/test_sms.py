"""SMS: who may send what to whom and how often, and what comes back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from simulators.channels.aliyun_sms.templates import TemplateKind, kind_of, review
from simulators.channels.clock import CHINA
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from tests.simulators.support import Shop, SmsCustomer

PHONE = "13812345678"
ACCEPTED = (200, '{"code":0,"msg":"接收成功"}'.encode())


async def test_a_code_arrives_with_its_signature(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    answer = await customer.send(PHONE)
    assert (answer["Code"], answer["Message"]) == ("OK", "OK")
    (sms,) = simulator.sms.outbox.newest(phone=PHONE)
    assert sms.text == "【随心订】您的登录验证码为482913，5分钟内有效，请勿告知他人。"
    assert sms.biz_id == answer["BizId"]


async def test_parameters_may_come_as_a_form(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    message = customer.message(PHONE)
    body = httpx.Request("POST", "http://sim", data=message).read()
    headers = customer.headers("SendSms", {}, body=body)
    headers["content-type"] = "application/x-www-form-urlencoded"
    answer = await customer.call("SendSms", {}, headers=headers, body=body)
    assert answer.json()["Code"] == "OK"
    assert len(simulator.sms.outbox.newest()) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SignName": "别人家"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": "SMS_NONE"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": "{}"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": '{"code":""}'}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": "code=1"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": '["482913"]'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": '{"code":["482913"]}'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": '{"code":"123"}'}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
        ({"TemplateParam": '{"code":"\\ud8001234"}'}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
        ({"TemplateParam": '{"code":"' + "1" * 36 + '"}'}, "isv.PARAM_LENGTH_LIMIT"),
        ({"PhoneNumbers": ""}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": "12345678901"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": "13812345678,1381234567"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        (
            {"PhoneNumbers": ",".join(f"138{n:08d}" for n in range(1001))},
            "isv.MOBILE_COUNT_OVER_LIMIT",
        ),
    ],
)
async def test_a_wrong_message_is_refused_and_nothing_is_sent(
    customer: SmsCustomer, simulator: ChannelSimulator, change: dict[str, str], code: str
) -> None:
    assert (await customer.send(PHONE, **change))["Code"] == code
    assert simulator.sms.outbox.newest() == []
    assert simulator.scheduler.waiting() == 0


async def test_a_forged_or_stale_request_is_refused(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    message = customer.message(PHONE)
    forged = customer.headers("SendSms", message, secret="guessed")
    stale = customer.headers("SendSms", message, date=datetime.now(UTC) - timedelta(minutes=16))
    touched = customer.headers("SendSms", message)
    stranger = customer.headers("SendSms", message)
    stranger["authorization"] = stranger["authorization"].replace("Credential=LTAI", "Credential=X")
    unsigned = {"x-acs-action": "SendSms", "x-acs-version": "2017-05-25"}
    wrong_hash = customer.headers("SendSms", message)
    cases: list[tuple[dict[str, str], dict[str, str], bytes, int, str]] = [
        (forged, message, b"", 400, "SignatureDoesNotMatch"),
        (stale, message, b"", 400, "InvalidTimeStamp.Expired"),
        (touched, message | {"PhoneNumbers": "13900000000"}, b"", 400, "SignatureDoesNotMatch"),
        (stranger, message, b"", 404, "InvalidAccessKeyId.NotFound"),
        (unsigned, message, b"", 400, "SignatureDoesNotMatch"),
        (wrong_hash, message, b"x=1", 400, "SignatureDoesNotMatch"),
    ]
    for headers, query, body, status, code in cases:
        answer = await customer.call("SendSms", query, headers=headers, body=body)
        assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert simulator.sms.outbox.newest() == []


async def test_a_nonce_sends_once(customer: SmsCustomer, simulator: ChannelSimulator) -> None:
    message = customer.message(PHONE)
    headers = customer.headers("SendSms", message, nonce="once")
    codes = [
        (await customer.call("SendSms", message, headers=headers)).json()["Code"] for _ in range(2)
    ]
    assert codes == ["OK", "SignatureNonceUsed"]
    assert len(simulator.sms.outbox.newest()) == 1


async def test_an_unknown_action_is_404(customer: SmsCustomer) -> None:
    answer = await customer.call("DeleteEverything", {})
    assert (answer.status_code, answer.json()["Code"]) == (404, "InvalidApi.NotFound")


async def test_codes_one_a_minute_five_an_hour_ten_a_day(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    async def refusal() -> str:
        answer = await customer.send(PHONE)
        return "" if answer["Code"] == "OK" else f"{answer['Code']} {answer['Message']}"

    limit = "isv.BUSINESS_LIMIT_CONTROL 触发"
    assert await refusal() == ""
    assert await refusal() == f"{limit}分钟级流控Permits:1"
    for _ in range(4):
        simulator.clock.advance(61)
        assert await refusal() == ""
    simulator.clock.advance(61)
    assert await refusal() == f"{limit}小时级流控Permits:5"
    assert (await customer.send("13900000000"))["Code"] == "OK"
    simulator.clock.advance(3600)
    for _ in range(5):
        simulator.clock.advance(61)
        assert await refusal() == ""
    simulator.clock.advance(3600)
    assert await refusal() == f"{limit}天级流控Permits:10"
    simulator.clock.advance(24 * 3600)
    assert await refusal() == ""


async def test_notices_fifty_a_day_per_template(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    notice = {
        "TemplateCode": "SMS_APPROVED",
        "TemplateParam": json.dumps({"order": "A1", "date": "12月1日"}),
    }
    codes = [(await customer.send(PHONE, **notice))["Code"] for _ in range(51)]
    assert codes == ["OK"] * 50 + ["isv.BUSINESS_LIMIT_CONTROL"]
    assert (await customer.send(PHONE))["Code"] == "OK"
    simulator.limits.enabled = False
    assert (await customer.send(PHONE, **notice))["Code"] == "OK"


async def test_a_batch_with_one_refused_number_sends_none(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    await customer.send(PHONE)
    answer = await customer.send(f"13900000000,+86{PHONE}")
    assert answer["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
    assert simulator.sms.outbox.newest(phone="13900000000") == []


async def details(customer: SmsCustomer, day: str, **more: str) -> dict[str, Any]:
    query = {"PhoneNumber": PHONE, "SendDate": day, "PageSize": "10", "CurrentPage": "1"} | more
    answer: dict[str, Any] = (await customer.call("QuerySendDetails", query)).json()
    return answer


async def test_the_details_follow_the_delivery(
    customer: SmsCustomer, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.usual = ACCEPTED
    biz_id = (await customer.send(PHONE))["BizId"]
    day = simulator.sms.outbox.newest()[0].sent_at.astimezone(CHINA).strftime("%Y%m%d")
    waiting = await details(customer, day, BizId=biz_id)
    assert waiting["TotalCount"] == "1"
    assert waiting["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]["SendStatus"] == 1
    await simulator.advance(4)
    (done,) = (await details(customer, day, BizId=biz_id))["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert (done["SendStatus"], done["ErrCode"], done["OutId"]) == (3, "DELIVERED", "out-1")
    assert (await details(customer, day, BizId="other"))["TotalCount"] == "0"
    assert (await details(customer, day, CurrentPage="2"))["SmsSendDetailDTOs"] == {
        "SmsSendDetailDTO": []
    }
    for when, size in ((day, "51"), (day, "0"), ("20200101", "10"), ("today", "10")):
        assert (await details(customer, when, PageSize=size))["Code"] == "isv.INVALID_PARAMETERS"


async def test_a_receipt_is_posted_and_repeated_until_code_0(
    customer: SmsCustomer, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.answers = [(500, b""), (200, b"ok"), (200, b'{"code":1}'), ACCEPTED]
    biz_id = (await customer.send(PHONE))["BizId"]
    counts = []
    for pause in (3, 60, 300, 600, 24 * 3600):
        await simulator.advance(pause)
        counts.append(len(shop.received))
    assert counts == [1, 2, 3, 4, 4]
    (report,) = shop.received[0].json
    assert report | {"send_time": "", "report_time": ""} == {
        "phone_number": PHONE,
        "send_time": "",
        "report_time": "",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": biz_id,
        "out_id": "out-1",
    }
    assert shop.received[0].path == "/receipts"


async def test_a_receipt_never_accepted_is_given_up_after_three_repetitions(
    customer: SmsCustomer, simulator: ChannelSimulator, shop: Shop
) -> None:
    await customer.send(PHONE)
    for _ in range(20):
        await simulator.advance(600)
    assert len(shop.received) == 4
    assert [attempt.status for attempt in simulator.receipts.attempts] == [204] * 4


async def test_receipts_lost_failed_and_repeated(
    customer: SmsCustomer, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.usual = ACCEPTED
    arm = simulator.faults.arm
    arm(FaultOrder(kind=FaultKind.SMS_RECEIPT_LOST, reference="13900000001"))
    arm(FaultOrder(kind=FaultKind.SMS_RECEIPT_FAILED, reference="13900000002"))
    arm(FaultOrder(kind=FaultKind.SMS_RECEIPT_REPEATED, reference="13900000003", times=3))
    for number in range(1, 4):
        await customer.send(f"1390000000{number}")
    await simulator.advance(3600)
    reports = [report for got in shop.received for report in got.json]
    assert [(r["phone_number"][-1], r["success"], r["err_code"]) for r in reports] == [
        ("2", False, "MOBILE_NOT_ON_SERVICE"),
        ("3", True, "DELIVERED"),
        ("3", True, "DELIVERED"),
        ("3", True, "DELIVERED"),
    ]
    statuses = {sms.phone[-1]: int(sms.status) for sms in simulator.sms.outbox.newest()}
    assert statuses == {"1": 3, "2": 2, "3": 3}


async def test_down_stalled_and_reset(customer: SmsCustomer, simulator: ChannelSimulator) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.SMS_DOWN, count=1))
    down = await customer.call("SendSms", customer.message("13900000001"))
    assert (down.status_code, down.json()["Code"]) == (503, "ServiceUnavailable")
    assert simulator.sms.outbox.newest() == []
    simulator.faults.arm(FaultOrder(kind=FaultKind.SMS_STALL, count=1, reference="13900000002"))
    with pytest.raises(httpx.ReadTimeout):
        await customer.send("13900000002")
    simulator.faults.arm(FaultOrder(kind=FaultKind.SMS_RESET, count=1))
    with pytest.raises(httpx.ReadError):
        await customer.send("13900000003")
    assert [sms.phone[-1] for sms in simulator.sms.outbox.newest()] == ["3", "2"]


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("", "长度"),
        ("奶" * 501, "长度"),
        ("${a}您好${a}", "一次"),
        ("您好${a}${b}", "相邻"),
        ("${a}", "变量"),
        ("您好${中文}", "变量名"),
        ("【随心订】您好", "【】"),
        ("验证码${code}，${minutes}分钟有效", "一个变量"),
        ("验证码${code}，见 https://milk.example", "链接"),
        ("大促销拒收请回复R，快来", "结尾"),
    ],
)
def test_the_review_refuses(text: str, issue: str) -> None:
    assert any(issue in found for found in review(text))


def test_the_review_passes_good_texts_and_knows_their_kind() -> None:
    texts = {
        "您的验证码为${code}，5分钟内有效。": TemplateKind.CODE,
        "您的订单${order}已于${date}通过审核。": TemplateKind.NOTICE,
        "鲜奶八折，拒收请回复R": TemplateKind.MARKETING,
    }
    assert [review(text) for text in texts] == [[], [], []]
    assert {text: kind_of(text) for text in texts} == texts


async def test_long_texts_count_in_parts(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    simulator.sms.templates.register({"SMS_LONG": "奶" * 66, "SMS_LONGER": "奶" * 65})
    for code in ("SMS_LONG", "SMS_LONGER"):
        await customer.send(PHONE, TemplateCode=code, TemplateParam="")
    assert [sms.parts for sms in simulator.sms.outbox.newest()] == [1, 2]
