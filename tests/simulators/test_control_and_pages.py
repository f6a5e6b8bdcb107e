"""Steering the simulator and its pages: from this machine only, with no way around."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from simulators.channels.app import create_app
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.platform import SigningMode
from tests.simulators.support import BASE_URL, Merchant, Shop, SmsCustomer

STEERING = [
    ("GET", "/"),
    ("GET", "/outbox"),
    ("GET", "/wechat/orders"),
    ("GET", "/wechat/orders/C00001"),
    ("GET", "/control/outbox"),
    ("GET", "/control/faults"),
    ("POST", "/control/faults"),
    ("POST", "/control/wechat/orders/C00001/pay"),
    ("POST", "/wechat/orders/C00001/pay"),
]


@pytest.mark.parametrize(("method", "path"), STEERING)
async def test_nobody_from_outside_steers(
    app: Starlette, merchant: Merchant, method: str, path: str
) -> None:
    await merchant.place("C00001")
    outside = httpx.ASGITransport(app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=outside, base_url=BASE_URL) as stranger:
        assert (await stranger.request(method, path)).status_code == 403
    assert (await merchant.query("C00001"))["trade_state"] == "NOTPAY"


async def test_every_control_route_is_guarded(app: Starlette) -> None:
    outside = httpx.ASGITransport(app, client=("192.0.2.7", 1))
    checked = 0
    async with httpx.AsyncClient(transport=outside, base_url=BASE_URL) as stranger:
        for route in app.routes:
            path: str = getattr(route, "path", "")
            if path.startswith(("/v3/", "/taobao/", "/unionpay/gateway/", "/alipay/bill")):
                continue
            filled = re.sub(r"\{\w+:int\}", "1", path)
            filled = re.sub(r"\{\w+(:path)?\}", "pay", filled)
            for method in (getattr(route, "methods", None) or set()) - {"HEAD"}:
                if (method, path) in {("POST", "/"), ("POST", "/gateway.do")}:
                    continue
                answer = await stranger.request(method, filled)
                assert answer.status_code == 403, f"{method} {path}"
                checked += 1
    assert checked > 25


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:8001"},
    ],
)
async def test_another_site_cannot_press_the_buttons(
    client: httpx.AsyncClient, merchant: Merchant, headers: dict[str, str]
) -> None:
    await merchant.place("C00002")
    for path in ("/wechat/orders/C00002/pay", "/control/wechat/orders/C00002/pay"):
        assert (await client.post(path, headers=headers)).status_code == 403
    assert (await merchant.query("C00002"))["trade_state"] == "NOTPAY"


async def test_a_demo_user_pays_on_the_page_and_is_led_back(
    client: httpx.AsyncClient, merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    scene = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}
    payload = merchant.order("C00003", scene_info=scene)
    url = (await merchant.call("POST", "/v3/pay/transactions/h5", payload)).json()["h5_url"]
    assert url.startswith(f"{BASE_URL}/cgi-bin/mmpayweb-bin/checkmweb?")
    moved = await client.get(f"{url}&redirect_url=http%3A%2F%2Fshop%2Fdone")
    shown = await client.get(moved.headers["location"])
    assert "鲜牛奶 30 天" in shown.text
    assert 'href="http://shop/done"' in shown.text
    action = re.findall(r'action="([^"]+/pay[^"]*)"', shown.text)[0].replace("&amp;", "&")
    done = await client.post(action)
    after = await client.get(done.headers["location"])
    assert "支付成功" in after.text
    assert "<button" not in after.text
    await simulator.run_due()
    assert len(shop.received) == 1


async def test_the_native_code_leads_to_the_cashier(
    client: httpx.AsyncClient, merchant: Merchant
) -> None:
    url = (await merchant.place("C00004")).json()["code_url"]
    moved = await client.get("/wechat/cashier", params={"code_url": url})
    assert (moved.status_code, moved.headers["location"]) == (303, "/wechat/orders/C00004")
    assert (await client.get("/wechat/cashier", params={"pr": "wrong"})).status_code == 410


async def test_fail_and_expire_on_the_page(client: httpx.AsyncClient, merchant: Merchant) -> None:
    await merchant.place("C00005")
    for act, words in (
        ("fail", "支付失败"),
        ("expire", "超过支付时间"),
        ("pay", "超过支付结束时间"),
    ):
        moved = await client.post(f"/wechat/orders/C00005/{act}")
        assert words in (await client.get(moved.headers["location"])).text
    assert (await merchant.query("C00005"))["trade_state"] == "NOTPAY"
    assert (await client.post("/wechat/orders/C00005/steal")).status_code == 404
    assert (await client.get("/wechat/orders/C99999")).status_code == 404


async def test_pages_escape_and_load_nothing_from_elsewhere(
    client: httpx.AsyncClient, merchant: Merchant, customer: SmsCustomer
) -> None:
    evil = '<script>alert("x")</script>'
    await merchant.place("C00006", description=evil)
    await customer.send(
        "13812345678",
        TemplateCode="SMS_APPROVED",
        TemplateParam='{"order":"<b>1</b>","date":"明天"}',
    )
    for path in (
        "/",
        "/wechat/orders",
        f"/wechat/orders/C00006?note={evil}&redirect_url=javascript:alert(1)",
        f"/outbox?phone=13812345678{evil}",
        "/outbox",
    ):
        shown = await client.get(path)
        assert shown.status_code == 200
        assert "<script" not in shown.text
        assert "<b>1" not in shown.text
        assert 'href="javascript' not in shown.text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', shown.text)
        assert "default-src 'none'" in shown.headers["content-security-policy"]


async def test_the_login_code_is_read_in_the_outbox(
    client: httpx.AsyncClient, customer: SmsCustomer
) -> None:
    await customer.send("13812345678")
    await customer.send("13900000000", TemplateParam='{"code":"111222"}')
    both = (await client.get("/outbox")).text
    assert both.index("111222") < both.index("482913")
    mine = (await client.get("/outbox", params={"phone": "13812345678"})).text
    assert "482913" in mine
    assert "111222" not in mine
    (found,) = (await client.get("/control/outbox", params={"phone": "13812345678"})).json()
    assert found["text"].startswith("【随心订】您的登录验证码为482913")


async def test_templates_are_registered_and_reviewed(
    client: httpx.AsyncClient, customer: SmsCustomer
) -> None:
    good = await client.post("/control/templates", json={"SMS_NEW": "您的奶${what}到了"})
    assert good.json() == {"registered": 1}
    bad = await client.post(
        "/control/templates", json={"SMS_OK": "您好", "SMS_BAD": "【牛】", "SMS_NEW": "换了"}
    )
    assert bad.status_code == 422
    assert "SMS_BAD" in bad.json()["message"]
    known = (await client.get("/control/templates")).json()
    assert known["SMS_NEW"] == "您的奶${what}到了"
    assert "SMS_OK" not in known


def test_a_bad_template_stops_the_start(credentials: ChannelCredentials) -> None:
    with pytest.raises(ValueError, match="SMS_BAD"):
        create_app(SimulatorConfig(credentials=credentials, templates={"SMS_BAD": "${a}${b}"}))


async def test_faults_come_and_go_through_the_api(
    client: httpx.AsyncClient, merchant: Merchant
) -> None:
    armed = (
        await client.post("/control/faults", json={"kind": "system_error", "endpoint": "create"})
    ).json()
    assert (await merchant.place("C00007")).status_code == 500
    (listed,) = (await client.get("/control/faults")).json()
    assert (listed["id"], listed["hits"], listed["count"]) == (armed["id"], 1, None)
    cleared = await client.delete(f"/control/faults/{armed['id']}")
    assert cleared.json() == {"cleared": 1}
    assert (await merchant.place("C00007")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/faults", {"kind": "earthquake"}),
        ("/control/faults", {"kind": "rate_limit", "count": 0}),
        ("/control/faults", {"kind": "rate_limit", "color": "red"}),
        ("/control/clock/advance", {"seconds": -1}),
        ("/control/clock/advance", {}),
        ("/control/wechat/signing", {"certificate_share": 2}),
        ("/control/templates", {"SMS": 1}),
    ],
)
async def test_a_wrong_control_request_changes_nothing(
    client: httpx.AsyncClient, simulator: ChannelSimulator, path: str, body: dict[str, Any]
) -> None:
    before = simulator.clock._moved
    assert (await client.post(path, json=body)).status_code == 422
    assert (
        await client.post(path, content="x", headers={"Content-Type": "text/plain"})
    ).status_code == 415
    assert simulator.faults.all() == []
    assert simulator.clock._moved == before
    assert simulator.platform.certificate_share == 0.0


async def test_pay_with_another_amount_and_the_rest_of_the_life_through_the_api(
    client: httpx.AsyncClient, merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    orders = "/control/wechat/orders"
    await merchant.place("C00008")
    paid = await client.post(f"{orders}/C00008/pay", json={"amount_fen": 1500, "openid": "o-9"})
    assert (paid.json()["paid_fen"], paid.json()["openid"]) == (1500, "o-9")
    assert (await client.post(f"{orders}/C00008/pay")).status_code == 409
    assert (await client.post(f"{orders}/C00008/expire")).status_code == 409
    assert (await client.post(f"{orders}/C99999/pay")).status_code == 404
    assert (await client.post("/control/run-due")).json() == {"ran": 1}
    (notice,) = (
        await client.get("/control/wechat/notifications", params={"reference": "C00008"})
    ).json()
    assert (notice["state"], [a["status"] for a in notice["log"]]) == ("accepted", [204])
    await client.post(f"/control/wechat/notifications/{notice['id']}/resend")
    await merchant.refund("C00008", "CR0008", 500, total=1500)
    await client.post("/control/clock/advance", json={"seconds": 11})
    assert [got.json["event_type"] for got in shop.received] == [
        "TRANSACTION.SUCCESS",
        "TRANSACTION.SUCCESS",
        "REFUND.SUCCESS",
    ]
    again = await client.post("/control/wechat/refunds/CR0008/end", json={"status": "CLOSED"})
    assert (again.status_code, await merchant.refund_status("CR0008")) == (409, "SUCCESS")
    shown = (await client.get("/wechat/orders/C00008")).text
    assert "已退款" in shown
    assert (await client.get(orders)).json()[0]["trade_state"] == "REFUND"


async def test_key_rotation_and_the_switch_period_through_the_api(
    client: httpx.AsyncClient, simulator: ChannelSimulator
) -> None:
    fresh = (await client.post("/control/wechat/rotate", json={"kind": "certificate"})).json()
    assert simulator.credentials.certificates[-1].serial == fresh["serial"]
    answer = await client.post(
        "/control/wechat/signing", json={"answers": "certificate", "certificate_share": 0.5}
    )
    assert answer.json() == {"answers": "certificate", "certificate_share": 0.5}
    serials = {simulator.platform.for_notification().serial for _ in range(60)}
    assert serials == {fresh["serial"], simulator.credentials.public_keys[-1].serial}


async def test_rotated_keys_survive_a_restart(tmp_path: Path) -> None:
    first = ChannelSimulator(SimulatorConfig(var=tmp_path))
    serials = {first.platform.rotate(mode) for mode in SigningMode}
    merchant = first.credentials.merchant
    await first.aclose()
    second = ChannelSimulator(SimulatorConfig(var=tmp_path))
    assert second.credentials.merchant == merchant
    assert serials == {
        second.credentials.certificates[-1].serial,
        second.credentials.public_keys[-1].serial,
    }
    await second.aclose()
