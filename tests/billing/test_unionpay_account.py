"""The installation's account at UnionPay: whole, real where money is real, simulated in a demo."""

from pathlib import Path
from typing import Any

import pytest

from app.billing.channels.accounts import check_payment_settings, gateway
from app.billing.channels.unionpay_account import load_unionpay_settings
from app.billing.errors import ChannelNotConfigured
from app.billing.states import PaymentChannel
from app.core.config import (
    AlipaySettings,
    InstallationSettings,
    UnionPaySettings,
    WeChatPaySettings,
)
from app.core.errors import SetupError
from app.core.runtime import Runtime
from simulators.channels.credentials import save_credentials
from simulators.channels.unionpay.merchant import PFX_PASSWORD
from tests.fixtures.payments import BASE_URL, demo_credentials


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in UnionPaySettings.model_fields:
        monkeypatch.delenv(f"UNIONPAY_{name.upper()}", raising=False)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A merchant's own account."""
    for name, content in demo_credentials().unionpay.files().items():
        (tmp_path / name).write_bytes(content)
    return {
        "mer_id": "777290058110048",
        "private_key_path": tmp_path / "merchant.pfx",
        "private_key_password": PFX_PASSWORD,
        "root_cert_path": tmp_path / "acp_root.cer",
        "middle_cert_path": tmp_path / "acp_middle.cer",
    }


def installed(tmp_path: Path, *, demo: bool) -> InstallationSettings:
    return InstallationSettings(var_dir=tmp_path / "var", demo=demo, public_url="https://milk.test")


def check(installation: InstallationSettings, account: UnionPaySettings) -> None:
    check_payment_settings(installation, WeChatPaySettings(), AlipaySettings(), account)


def test_no_account_and_an_own_one_are_allowed(tmp_path: Path, own: dict[str, Any]) -> None:
    for demo in (False, True):
        check(installed(tmp_path, demo=demo), UnionPaySettings())
        check(installed(tmp_path, demo=demo), UnionPaySettings(**own))


def test_a_demo_uses_what_the_simulator_wrote_and_nobody_else_does(tmp_path: Path) -> None:
    save_credentials(demo_credentials(), var=tmp_path / "var", base_url=BASE_URL)
    account = load_unionpay_settings(installed(tmp_path, demo=True))
    assert account.base_url == f"{BASE_URL}/unionpay/gateway/api"
    check(installed(tmp_path, demo=True), account)
    assert load_unionpay_settings(installed(tmp_path, demo=False)).mer_id == ""
    with pytest.raises(SetupError, match="simulator's address"):
        check(installed(tmp_path, demo=False), account)
    real = account.model_copy(update={"base_url": UnionPaySettings().base_url})
    with pytest.raises(SetupError, match="do not belong together"):
        check(installed(tmp_path, demo=True), real)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"root_cert_path": None}, "set UNIONPAY_ROOT_CERT_PATH"),
        ({"private_key_password": ""}, "set UNIONPAY_PRIVATE_KEY_PASSWORD"),
        ({"private_key_password": "111111"}, "does not open with UNIONPAY_PRIVATE_KEY_PASSWORD"),
        ({"private_key_path": Path("/nowhere/key.pfx")}, "cannot be read"),
        ({"base_url": "http://gateway.95516.com/gateway/api"}, "not https"),
        ({"base_url": "http://127.0.0.1:1/gateway/api"}, "simulator's address"),
        ({"base_url": "https://gateway.test.95516.com/gateway/api"}, "test gateway"),
        ({"mer_id": "997290058110048"}, "demo's generated account"),
        ({"root_cert_path": "merchant_key.pem"}, "holds no certificate"),
        ({"root_cert_path": "merchant_cert.pem"}, "is not issued by"),
    ],
)
def test_a_broken_account_is_told_in_one_sentence(
    tmp_path: Path, own: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    if isinstance(other := changed.get("root_cert_path"), str):
        changed = {"root_cert_path": tmp_path / other}
    with pytest.raises(SetupError, match=sentence) as refused:
        check(installed(tmp_path, demo=False), UnionPaySettings(**own | changed))
    assert "\n" not in str(refused.value)


async def test_the_gateway_is_made_from_the_settings_once(
    runtime: Runtime, own: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChannelNotConfigured):
        gateway(PaymentChannel.UNIONPAY)
    for name, value in own.items():
        monkeypatch.setenv(f"UNIONPAY_{name.upper()}", str(value))
    made = gateway(PaymentChannel.UNIONPAY)
    assert made.merchant == made.appid == own["mer_id"]
    assert gateway(PaymentChannel.UNIONPAY) is made
