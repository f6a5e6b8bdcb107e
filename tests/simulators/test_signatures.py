"""Published vectors against the simulator's own code, and requests it must turn away."""

import base64
import hashlib
import shutil
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from simulators.channels.aliyun_sms.acs3 import (
    Acs3Gate,
    SignedRequest,
    canonical_request,
    signature,
)
from simulators.channels.aliyun_sms.errors import GatewayError
from simulators.channels.clock import SimClock
from simulators.channels.credentials import ChannelCredentials, SmsAccount
from simulators.channels.nonces import NonceMemory
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.signing import (
    answer_text,
    certificate_key,
    encrypt,
    is_signed_by,
    load_private_key,
    pay_sign_text,
    request_text,
    sign,
)
from tests.simulators.support import BASE_URL, Merchant, rsa_key, rsa_sign

ACS3_SIGNATURE = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
ACS3_NAMES = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"


def sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def test_wechat_signed_texts_match_the_vectors() -> None:
    answer = answer_text(
        timestamp="1722850421",
        nonce="d824f2e086d3c1df967785d13fcd22ef",
        body=b'{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}',
    )
    request = request_text(
        method="GET",
        target="/v3/certificates",
        timestamp="1554208460",
        nonce="593BEC0C930BF1AFEB40B4A08C8FB242",
        body=b"",
    )
    cashier = pay_sign_text(
        appid="wx8888888888888888",
        timestamp="1414561699",
        nonce="5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        package="prepay_id=wx201410272009395522657a690389285100",
    )
    assert sha256(answer) == "2f190612debde9369868489ccda12b9b816381eb5632a8abb73bfe80b6dbd5da"
    assert sha256(request) == "fab5c8a222049f386cb01453c7dc712c7997e756271557b0ef6e2e5060575373"
    assert sha256(cashier) == "e9f240553b798164cd07071a90bf684071b40781f3dafca1f828346682147df3"


def test_aes_gcm_matches_the_vector() -> None:
    assert encrypt(
        apiv3_key="0123456789abcdef0123456789abcdef",
        nonce="fdasflkja484",
        associated_data="transaction",
        plain=b'{"out_trade_no":"MO1","trade_state":"SUCCESS"}',
    ) == ("DUcclrHBE5NffFMk6pzEyhUXsljy3c3UTlJPd0s2urusb1VBwPMMWumnWOGOwcwRXpK1B2GyNNoPiS8X4N4=")


def test_rsa_signature_equals_an_independent_one(
    credentials: ChannelCredentials, tmp_path: Path
) -> None:
    """PKCS#1 v1.5 is deterministic: openssl, when there is one, must give the same bytes."""
    text = request_text(
        method="POST", target="/v3/x?a=1", timestamp="1", nonce="n", body='{"描述":1}'.encode()
    )
    pem = credentials.merchant.private_key_pem
    ours = base64.b64decode(sign(load_private_key(pem), text))
    if openssl := shutil.which("openssl"):
        key_file, text_file = tmp_path / "key.pem", tmp_path / "text"
        key_file.write_text(pem)
        text_file.write_bytes(text)
        command = [openssl, "dgst", "-sha256", "-sign", str(key_file), str(text_file)]
        theirs = subprocess.run(command, check=True, capture_output=True).stdout
    else:
        theirs = rsa_key(pem).sign(text, padding.PKCS1v15(), hashes.SHA256())
    assert ours == theirs
    public = certificate_key(credentials.merchant.certificate_pem)
    assert is_signed_by(public, text, base64.b64encode(theirs).decode())
    assert not is_signed_by(public, text + b" ", base64.b64encode(theirs).decode())


class ClockOfTheVector(SimClock):
    """Stands at the published request's date."""

    def wall(self) -> datetime:
        return datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC)


def acs3_vector() -> SignedRequest:
    return SignedRequest(
        method="POST",
        path="/",
        query="ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
        headers={
            "host": "ecs.cn-shanghai.aliyuncs.com",
            "x-acs-action": "RunInstances",
            "x-acs-version": "2014-05-26",
            "x-acs-date": "2023-10-26T10:22:32Z",
            "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
            "x-acs-content-sha256": sha256(b""),
            "authorization": "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
            f"SignedHeaders={ACS3_NAMES},Signature={ACS3_SIGNATURE}",
        },
        body=b"",
    )


def acs3_gate() -> Acs3Gate:
    account = SmsAccount(
        access_key_id="YourAccessKeyId",
        access_key_secret="YourAccessKeySecret",
        sign_name="",
        receipt_secret="",
    )
    return Acs3Gate(accounts={"primary": account}, clock=ClockOfTheVector())


def test_acs3_canonical_request_and_signature_match_the_vector() -> None:
    canonical = canonical_request(acs3_vector(), signed_headers=ACS3_NAMES.split(";"))
    assert sha256(canonical.encode()) == (
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    )
    assert signature(canonical, secret="YourAccessKeySecret") == ACS3_SIGNATURE


def test_the_acs3_door_lets_the_published_request_pass_once() -> None:
    gate = acs3_gate()
    gate.check(acs3_vector())
    with pytest.raises(GatewayError) as refusal:
        gate.check(acs3_vector())
    assert refusal.value.code == "SignatureNonceUsed"


@pytest.mark.parametrize(
    "change",
    [
        {"query": "RegionId=cn-beijing"},
        {"method": "GET"},
        {"path": "/x"},
        {"body": b"more"},
    ],
)
def test_the_acs3_door_refuses_the_published_request_when_touched(
    change: dict[str, object],
) -> None:
    with pytest.raises(GatewayError) as refusal:
        acs3_gate().check(replace(acs3_vector(), **change))  # type: ignore[arg-type]  # one field each
    assert (refusal.value.status, refusal.value.code) == (400, "SignatureDoesNotMatch")


def test_the_acs3_door_wants_every_x_acs_header_signed() -> None:
    vector = acs3_vector()
    stowaway = replace(vector, headers=dict(vector.headers) | {"x-acs-security-token": "t"})
    with pytest.raises(GatewayError, match="x-acs-security-token"):
        acs3_gate().check(stowaway)


def test_the_acs3_door_refuses_an_old_date() -> None:
    class Later(SimClock):
        def wall(self) -> datetime:
            return datetime(2023, 10, 26, 10, 37, 33, tzinfo=UTC)

    account = SmsAccount(
        access_key_id="YourAccessKeyId",
        access_key_secret="YourAccessKeySecret",
        sign_name="",
        receipt_secret="",
    )
    with pytest.raises(GatewayError) as refusal:
        Acs3Gate(accounts={"primary": account}, clock=Later()).check(acs3_vector())
    assert refusal.value.code == "InvalidTimeStamp.Expired"


async def raw_order(
    merchant: Merchant, client: httpx.AsyncClient, authorization: str, body: str
) -> httpx.Response:
    return await client.post(
        BASE_URL + "/v3/pay/transactions/native",
        content=body.encode(),
        headers=merchant.headers(authorization),
    )


BODY = '{"out_trade_no":"T00001"}'
TARGET = "/v3/pay/transactions/native"


@pytest.mark.parametrize(
    ("signed_body", "part"),
    [
        ('{"out_trade_no":"T00002"}', {}),
        (BODY, {"timestamp": int(time.time()) - 301}),
        (BODY, {"timestamp": int(time.time()) + 86_400}),
        (BODY, {"mchid": "1900000109"}),
        (BODY, {"serial": "7777777777777777777777777777777777777777"}),
    ],
)
async def test_wechat_refuses_a_request_not_signed_by_the_merchant(
    merchant: Merchant,
    client: httpx.AsyncClient,
    simulator: ChannelSimulator,
    signed_body: str,
    part: dict[str, int],
) -> None:
    authorization = merchant.authorization("POST", TARGET, signed_body, **part)  # type: ignore[arg-type]  # one part each
    answer = await raw_order(merchant, client, authorization, BODY)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")
    assert simulator.desk.store.list_orders() == []


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer x",
        "WECHATPAY2-SHA256-RSA2048 mchid=1",
        'WECHATPAY2-SHA256-RSA2048 mchid="1",nonce_str="2",signature="3",timestamp="4"',
        'WECHATPAY2-SHA256-RSA2048 mchid="1",mchid="1",nonce_str="2",signature="3",timestamp="4",serial_no="5"',
    ],
)
async def test_wechat_refuses_a_malformed_authorization(
    merchant: Merchant, client: httpx.AsyncClient, authorization: str
) -> None:
    answer = await raw_order(merchant, client, authorization, BODY)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")


async def test_wechat_takes_a_nonce_once(merchant: Merchant, client: httpx.AsyncClient) -> None:
    target = "/v3/certificates"
    authorization = merchant.authorization("GET", target, "", nonce="once")
    first = await client.get(BASE_URL + target, headers=merchant.headers(authorization))
    again = await client.get(BASE_URL + target, headers=merchant.headers(authorization))
    assert (first.status_code, again.status_code) == (200, 401)


async def test_wechat_signature_covers_the_query_as_sent(
    merchant: Merchant, client: httpx.AsyncClient
) -> None:
    signed = "/v3/pay/transactions/out-trade-no/T00001?mchid=1"
    headers = merchant.headers(merchant.authorization("GET", signed, ""))
    answer = await client.get(BASE_URL + signed.replace("mchid=1", "mchid=2"), headers=headers)
    assert answer.status_code == 401


async def test_wechat_wants_accept_and_user_agent(
    merchant: Merchant, client: httpx.AsyncClient
) -> None:
    target = "/v3/certificates"
    headers = merchant.headers(merchant.authorization("GET", target, "")) | {"User-Agent": ""}
    answer = await client.get(BASE_URL + target, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")


async def test_answers_are_signed_with_the_key_the_request_names(
    merchant: Merchant, credentials: ChannelCredentials
) -> None:
    usual = await merchant.call("GET", "/v3/certificates")
    assert usual.headers["wechatpay-serial"] == credentials.public_keys[-1].serial
    merchant.wanted_serial = credentials.certificates[-1].serial
    named = await merchant.call("GET", "/v3/certificates")
    assert named.headers["wechatpay-serial"] == credentials.certificates[-1].serial


async def test_the_cashier_opens_only_for_a_genuine_pay_sign(
    merchant: Merchant, client: httpx.AsyncClient, credentials: ChannelCredentials
) -> None:
    account = credentials.merchant
    payload = merchant.order("T00009", payer={"openid": "o-1"})
    answer = await merchant.call("POST", "/v3/pay/transactions/jsapi", payload)
    package = f"prepay_id={answer.json()['prepay_id']}"
    text = f"{account.appid}\n1414561699\nnonce\n{package}\n"
    opened = {
        "appId": account.appid,
        "timeStamp": "1414561699",
        "nonceStr": "nonce",
        "package": package,
        "signType": "RSA",
        "paySign": rsa_sign(rsa_key(account.private_key_pem), text),
    }
    forged = await client.post("/control/wechat/cashier", json=opened | {"nonceStr": "other"})
    assert (forged.status_code, (await merchant.query("T00009"))["trade_state"]) == (400, "NOTPAY")
    genuine = await client.post("/control/wechat/cashier", json=opened)
    assert genuine.status_code == 200
    paid = await merchant.query("T00009")
    assert (paid["trade_state"], paid["payer"]) == ("SUCCESS", {"openid": "o-1"})


def test_a_nonce_may_come_again_once_its_time_stamp_is_too_old() -> None:
    nonces, start = NonceMemory(keep=timedelta(minutes=10)), datetime(2026, 1, 1, tzinfo=UTC)
    assert nonces.first_use("n", now=start)
    assert not nonces.first_use("n", now=start + timedelta(minutes=9))
    assert nonces.first_use("n", now=start + timedelta(minutes=10))
