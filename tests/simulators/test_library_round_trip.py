"""The real client library against the simulator: what it accepts is what the platform would send."""

import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType

from simulators.channels.clock import CHINA
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.platform import SigningMode
from tests.simulators.serving import serving
from tests.simulators.support import BASE_URL, NOTIFY_URL, Received, Shop


def library(credentials: ChannelCredentials, *, public_key_mode: bool) -> AsyncWeChatPay:
    """The library as a merchant sets it up, redirected to the simulator."""
    account = credentials.merchant
    keys = {
        "public_key": credentials.public_key_pem,
        "public_key_id": credentials.public_keys[-1].serial,
    }
    return AsyncWeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=account.mchid,
        private_key=account.private_key_pem,
        cert_serial_no=account.serial_no,
        appid=account.appid,
        apiv3_key=account.apiv3_key,
        notify_url=NOTIFY_URL,
        **(keys if public_key_mode else {}),
    )


@pytest.fixture
async def wx(app: Starlette, credentials: ChannelCredentials) -> AsyncIterator[AsyncWeChatPay]:
    """The library in public-key mode, in process."""
    wx = library(credentials, public_key_mode=True)
    wx._core._gate_way = BASE_URL
    async with wx:
        await wx._core._client.aclose()
        wx._core._client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        yield wx


async def place(wx: AsyncWeChatPay, out_trade_no: str) -> str:
    code, text = await wx.pay(
        description="鲜牛奶 30 天",
        out_trade_no=out_trade_no,
        amount={"total": 2000, "currency": "CNY"},
        pay_type=WeChatPayType.NATIVE,
    )
    assert code == 200
    url: str = json.loads(text)["code_url"]
    return url


async def test_order_pay_notification_query_refund(
    wx: AsyncWeChatPay, simulator: ChannelSimulator, shop: Shop
) -> None:
    url = await place(wx, "LIB00001")
    assert url.startswith("weixin://wxpay/bizpayurl?pr=")

    simulator.desk.pay("LIB00001")
    await simulator.run_due()
    paid = wx.callback(shop.received[0].headers, shop.received[0].body)
    assert (paid["event_type"], paid["resource"]["amount"]["total"]) == (
        "TRANSACTION.SUCCESS",
        2000,
    )

    code, text = await wx.query(out_trade_no="LIB00001")
    transaction = json.loads(text)
    assert (code, transaction["trade_state"]) == (200, "SUCCESS")
    assert transaction["transaction_id"] == paid["resource"]["transaction_id"]
    code, text = await wx.query(transaction_id=transaction["transaction_id"])
    assert json.loads(text)["out_trade_no"] == "LIB00001"

    code, text = await wx.refund(
        out_trade_no="LIB00001",
        out_refund_no="LIBR0001",
        amount={"refund": 500, "total": 2000, "currency": "CNY"},
        reason="退余款",
    )
    assert (code, json.loads(text)["status"]) == (200, "PROCESSING")
    await simulator.advance(11)
    told = wx.callback(shop.received[1].headers, shop.received[1].body)
    assert (told["event_type"], told["resource"]["refund_status"]) == ("REFUND.SUCCESS", "SUCCESS")
    code, text = await wx.query_refund("LIBR0001")
    assert json.loads(text)["status"] == "SUCCESS"
    assert json.loads((await wx.query(out_trade_no="LIB00001"))[1])["trade_state"] == "REFUND"


async def test_close_is_204_and_shows_in_the_query(wx: AsyncWeChatPay) -> None:
    await place(wx, "LIB00002")
    assert (await wx.close("LIB00002"))[0] == 204
    _, text = await wx.query(out_trade_no="LIB00002")
    assert json.loads(text)["trade_state"] == "CLOSED"


async def test_jsapi_and_h5_hand_out_their_tickets(wx: AsyncWeChatPay) -> None:
    amount = {"total": 1, "currency": "CNY"}
    _, jsapi = await wx.pay(
        description="奶",
        out_trade_no="LIB00003",
        amount=amount,
        payer={"openid": "o-1"},
        pay_type=WeChatPayType.JSAPI,
    )
    scene = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}
    _, h5 = await wx.pay(
        description="奶",
        out_trade_no="LIB00004",
        amount=amount,
        scene_info=scene,
        pay_type=WeChatPayType.H5,
    )
    assert json.loads(jsapi)["prepay_id"].startswith("wx")
    assert "/checkmweb?prepay_id=wx" in json.loads(h5)["h5_url"]


async def test_a_touched_notification_is_refused(
    wx: AsyncWeChatPay, simulator: ChannelSimulator, shop: Shop
) -> None:
    await place(wx, "LIB00005")
    simulator.desk.pay("LIB00005")
    await simulator.run_due()
    genuine: Received = shop.received[0]
    touched = genuine.body.replace("支付成功".encode(), "支付失败".encode())
    assert touched != genuine.body
    assert wx.callback(genuine.headers, touched) is None
    assert wx.callback(genuine.headers, genuine.body) is not None


async def test_the_probe_and_the_forged_signature_are_refused(
    wx: AsyncWeChatPay, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.desk.notifier._signtest_every = 1
    await place(wx, "LIB00006")
    simulator.desk.pay("LIB00006")
    await simulator.run_due()
    probe, genuine = shop.received
    assert probe.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    assert wx.callback(probe.headers, probe.body) is None
    assert wx.callback(genuine.headers, genuine.body) is not None


async def test_bills_download_with_the_promised_hash(
    wx: AsyncWeChatPay, simulator: ChannelSimulator
) -> None:
    await place(wx, "LIB00007")
    day = simulator.desk.pay("LIB00007").paid_at
    assert day is not None
    simulator.clock.advance(36 * 3600)
    code, text = await wx.trade_bill(day.astimezone(CHINA).date().isoformat())
    assert code == 200
    link = json.loads(text)
    code, content = await wx.download_bill(link["download_url"])
    bill = gzip.decompress(content)
    assert hashlib.sha1(bill, usedforsecurity=False).hexdigest() == link["hash_value"]
    assert "`LIB00007" in bill.decode()


async def test_certificate_mode_over_real_sockets(
    credentials: ChannelCredentials, shop: Shop, tmp_path: Path
) -> None:
    """In certificate mode the library fetches and decrypts the certificates as it is entered."""
    async with serving(credentials, shop) as (simulator, base_url):
        simulator.platform.answers = SigningMode.CERTIFICATE
        simulator.platform.certificate_share = 1.0
        wx = library(credentials, public_key_mode=False)
        wx._core._gate_way = base_url
        async with wx:
            assert [f"{c.serial_number:X}" for c in wx._core._certificates] == [
                credentials.certificates[-1].serial
            ]
            await place(wx, "LIB00008")
            code, _ = await wx.query(out_trade_no="LIB00008")
            assert code == 200
            simulator.platform.rotate(SigningMode.CERTIFICATE)
            # answers now carry the new serial: the library fetches the list again and goes on
            code, _ = await wx.query(out_trade_no="LIB00008")
            assert code == 200
            assert len(wx._core._certificates) == 2
