"""Two SMS accounts, faults of one of them, and phones that text back."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from simulators.channels.clock import CHINA
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from tests.simulators.support import BASE_URL, Shop, SmsCustomer

PHONE = "13812345678"
ACCEPTED = (200, '{"code":0,"msg":"接收成功"}'.encode())


@pytest.fixture
def second(client: httpx.AsyncClient, credentials: ChannelCredentials) -> SmsCustomer:
    """The holder of the second account."""
    return SmsCustomer(client=client, account=credentials.sms_backup)


async def _details(customer: SmsCustomer) -> list[dict[str, Any]]:
    day = datetime.now(UTC).astimezone(CHINA).strftime("%Y%m%d")
    asked = {"PhoneNumber": PHONE, "SendDate": day, "PageSize": "50", "CurrentPage": "1"}
    answer = (await customer.call("QuerySendDetails", asked)).json()
    found: list[dict[str, Any]] = answer["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    return found


async def test_each_account_has_limits_and_records_of_its_own(
    customer: SmsCustomer, second: SmsCustomer, simulator: ChannelSimulator
) -> None:
    assert (await customer.send(PHONE))["Code"] == "OK"
    assert (await customer.send(PHONE))["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
    assert (await second.send(PHONE))["Code"] == "OK"
    assert [sms.account for sms in simulator.sms.outbox.newest()] == ["backup", "primary"]
    assert len(await _details(customer)) == 1
    assert len(await _details(second)) == 1


async def test_a_key_of_one_account_does_not_open_the_other(
    client: httpx.AsyncClient, credentials: ChannelCredentials, second: SmsCustomer
) -> None:
    message = second.message(PHONE)
    secret = credentials.sms.access_key_secret
    headers = second.headers("SendSms", message, secret=secret)
    answer = await second.call("SendSms", message, headers=headers)
    assert answer.json()["Code"] == "SignatureDoesNotMatch"


async def test_a_fault_may_strike_one_account_only(
    customer: SmsCustomer, second: SmsCustomer, simulator: ChannelSimulator
) -> None:
    order = FaultOrder(kind=FaultKind.SMS_REFUSED, account="primary", code="isv.OUT_OF_SERVICE")
    simulator.faults.arm(order)
    assert (await customer.send(PHONE))["Code"] == "isv.OUT_OF_SERVICE"
    assert (await second.send(PHONE))["Code"] == "OK"
    assert len(simulator.sms.outbox.newest()) == 1


async def test_a_slow_answer_comes_all_the_same(
    customer: SmsCustomer, simulator: ChannelSimulator
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.SMS_SLOW, seconds=0.01, count=1))
    assert (await customer.send(PHONE))["Code"] == "OK"
    assert simulator.faults.all() == []


async def test_a_phone_texts_back_until_somebody_listens(
    client: httpx.AsyncClient, simulator: ChannelSimulator, shop: Shop
) -> None:
    said = {"phone": PHONE, "content": "R"}
    silent = await client.post(f"{BASE_URL}/control/sms/replies", json=said)
    assert silent.status_code == 200
    assert shop.received == []
    url = {"url": "http://shop/replies"}
    assert (await client.post(f"{BASE_URL}/control/sms/reply-url", json=url)).json() == url
    shop.answers = [(503, b""), ACCEPTED]
    answer = await client.post(f"{BASE_URL}/control/sms/replies", json=said)
    await simulator.advance(60)
    assert [one.path for one in shop.received] == ["/replies"] * 2
    (reply,) = json.loads(shop.received[1].body)
    assert (reply["phone_number"], reply["content"]) == (PHONE, "R")
    assert reply["sequence_id"] == answer.json()["sequence_id"]
    assert set(reply) == {
        "phone_number",
        "send_time",
        "content",
        "sign_name",
        "dest_code",
        "sequence_id",
    }
    tried = (await client.get(f"{BASE_URL}/control/sms/replies")).json()
    assert [one["status"] for one in tried] == [503, 200]
