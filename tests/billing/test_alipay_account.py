"""The installation's account at Alipay: whole, real where money is real, simulated in a demo."""

from pathlib import Path
from typing import Any

import pytest

from app.billing.channels.accounts import check_payment_settings, gateway
from app.billing.channels.alipay_account import load_alipay_settings
from app.billing.errors import ChannelNotConfigured
from app.billing.states import PaymentChannel
from app.core.config import AlipaySettings, InstallationSettings, WeChatPaySettings
from app.core.errors import SetupError
from app.core.runtime import Runtime
from simulators.channels.credentials import public_pem, save_credentials
from tests.fixtures.payments import BASE_URL, demo_credentials

NO_WECHAT = WeChatPaySettings()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AlipaySettings.model_fields:
        monkeypatch.delenv(f"ALIPAY_{name.upper()}", raising=False)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A merchant's own account."""
    app = demo_credentials().alipay
    key, public = tmp_path / "app_key.pem", tmp_path / "alipay_public_key.pem"
    key.write_text(app.private_key_pem)
    public.write_text(public_pem(app.platform_key_pem))
    return {
        "app_id": "2021000000000000",
        "seller_id": "2088000000000001",
        "private_key_path": key,
        "public_key_path": public,
    }


def installed(tmp_path: Path, *, demo: bool) -> InstallationSettings:
    return InstallationSettings(var_dir=tmp_path / "var", demo=demo, public_url="https://milk.test")


def check(installation: InstallationSettings, account: AlipaySettings) -> None:
    check_payment_settings(installation, NO_WECHAT, account)


def test_no_account_and_an_own_one_are_allowed(tmp_path: Path, own: dict[str, Any]) -> None:
    for demo in (False, True):
        check(installed(tmp_path, demo=demo), AlipaySettings())
        check(installed(tmp_path, demo=demo), AlipaySettings(**own))


def test_a_demo_uses_what_the_simulator_wrote_and_nobody_else_does(tmp_path: Path) -> None:
    save_credentials(demo_credentials(), var=tmp_path / "var", base_url=BASE_URL)
    account = load_alipay_settings(installed(tmp_path, demo=True))
    assert account.base_url == f"{BASE_URL}/gateway.do"
    check(installed(tmp_path, demo=True), account)
    assert load_alipay_settings(installed(tmp_path, demo=False)).app_id == ""
    with pytest.raises(SetupError, match="simulator's address"):
        check(installed(tmp_path, demo=False), account)
    real = account.model_copy(update={"base_url": AlipaySettings().base_url})
    with pytest.raises(SetupError, match="do not belong together"):
        check(installed(tmp_path, demo=True), real)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"seller_id": ""}, "set ALIPAY_SELLER_ID"),
        ({"public_key_path": None}, "set ALIPAY_PUBLIC_KEY_PATH"),
        ({"private_key_path": Path("/nowhere/key.pem")}, "cannot be read"),
        ({"base_url": "http://openapi.alipay.com/gateway.do"}, "not https"),
        ({"base_url": "http://127.0.0.1:1/gateway.do"}, "simulator's address"),
        ({"base_url": "https://openapi-sandbox.dl.alipaydev.com/gateway.do"}, "sandbox"),
        ({"app_id": "9921000000000000"}, "demo's generated account"),
        ({"swapped": True}, "holds no RSA key of this kind"),
    ],
)
def test_a_broken_account_is_told_in_one_sentence(
    tmp_path: Path, own: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    if changed.pop("swapped", False):
        changed = {
            "private_key_path": own["public_key_path"],
            "public_key_path": own["private_key_path"],
        }
    with pytest.raises(SetupError, match=sentence) as refused:
        check(installed(tmp_path, demo=False), AlipaySettings(**own | changed))
    assert "\n" not in str(refused.value)


async def test_the_gateway_is_made_from_the_settings_once(
    runtime: Runtime, own: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChannelNotConfigured):
        gateway(PaymentChannel.ALIPAY)
    for name, value in own.items():
        monkeypatch.setenv(f"ALIPAY_{name.upper()}", str(value))
    made = gateway(PaymentChannel.ALIPAY)
    assert (made.merchant, made.appid) == (own["seller_id"], own["app_id"])
    assert gateway(PaymentChannel.ALIPAY) is made
    with pytest.raises(ChannelNotConfigured):
        gateway(PaymentChannel.CASH)
