"""The guard against real money in the wrong place."""

from pathlib import Path
from typing import Any

import pytest

from app.billing.channels.accounts import check_payment_settings, gateway, load_settings
from app.billing.errors import ChannelNotConfigured
from app.billing.states import PaymentChannel
from app.core.config import InstallationSettings, WeChatPaySettings
from app.core.errors import SetupError
from app.core.runtime import Runtime
from simulators.channels.credentials import save_credentials
from tests.fixtures.payments import BASE_URL, demo_credentials

REAL = "https://api.mch.weixin.qq.com"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WeChatPaySettings.model_fields:
        monkeypatch.delenv(f"WECHAT_{name.upper()}", raising=False)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A merchant's own account."""
    key = tmp_path / "own_key.pem"
    key.write_text(demo_credentials().merchant.private_key_pem)
    return {
        "base_url": REAL,
        "mchid": "1230000109",
        "appid": "wx8888888888888888",
        "serial_no": "444F4864EA9B34415",
        "private_key_path": key,
        "apiv3_key": "0123456789abcdef0123456789abcdef",
    }


def installed(tmp_path: Path, *, demo: bool) -> InstallationSettings:
    return InstallationSettings(var_dir=tmp_path / "var", demo=demo, public_url="https://milk.test")


def demo_account(tmp_path: Path) -> WeChatPaySettings:
    save_credentials(demo_credentials(), var=tmp_path / "var", base_url=BASE_URL)
    return load_settings(installed(tmp_path, demo=True))


def test_no_account_is_allowed(tmp_path: Path) -> None:
    for demo in (False, True):
        check_payment_settings(installed(tmp_path, demo=demo), WeChatPaySettings())


def test_an_own_account_at_the_real_address_is_allowed(tmp_path: Path, own: dict[str, Any]) -> None:
    for demo in (False, True):
        check_payment_settings(installed(tmp_path, demo=demo), WeChatPaySettings(**own))


def test_a_demo_uses_what_the_simulator_wrote(tmp_path: Path) -> None:
    account = demo_account(tmp_path)
    assert account.base_url == BASE_URL
    assert account.mchid.startswith("99")
    check_payment_settings(installed(tmp_path, demo=True), account)
    assert load_settings(installed(tmp_path, demo=False)).mchid == ""


@pytest.mark.parametrize("demo", [False, True])
def test_demo_keys_never_meet_the_real_address(tmp_path: Path, demo: bool) -> None:
    account = demo_account(tmp_path).model_copy(update={"base_url": REAL})
    with pytest.raises(SetupError):
        check_payment_settings(installed(tmp_path, demo=demo), account)


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("address", [BASE_URL, "http://localhost:9", "http://[::1]:9"])
def test_own_keys_never_meet_a_simulator(
    tmp_path: Path, own: dict[str, Any], demo: bool, address: str
) -> None:
    account = WeChatPaySettings(**own | {"base_url": address})
    with pytest.raises(SetupError):
        check_payment_settings(installed(tmp_path, demo=demo), account)


def test_a_whole_demo_account_is_refused_outside_a_demo(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        check_payment_settings(installed(tmp_path, demo=False), demo_account(tmp_path))


def test_a_demos_key_file_is_refused_under_another_name(
    tmp_path: Path, own: dict[str, Any]
) -> None:
    copied = demo_account(tmp_path).private_key_path
    account = WeChatPaySettings(**own | {"private_key_path": copied})
    with pytest.raises(SetupError, match="demo's generated account"):
        check_payment_settings(installed(tmp_path, demo=False), account)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"appid": ""}, "set WECHAT_APPID"),
        ({"apiv3_key": ""}, "set WECHAT_APIV3_KEY"),
        ({"apiv3_key": "short"}, "32 bytes"),
        ({"private_key_path": None}, "set WECHAT_PRIVATE_KEY_PATH"),
        ({"private_key_path": Path("/nowhere/key.pem")}, "cannot be read"),
        ({"public_key_id": "PUB_KEY_ID_1"}, "together"),
        ({"base_url": "http://api.mch.weixin.qq.com"}, "not https"),
    ],
)
def test_a_broken_account_is_told_in_one_sentence(
    tmp_path: Path, own: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence) as refused:
        check_payment_settings(installed(tmp_path, demo=False), WeChatPaySettings(**own | changed))
    assert "\n" not in str(refused.value)


def test_notifications_need_https(tmp_path: Path, own: dict[str, Any]) -> None:
    plain = InstallationSettings(var_dir=tmp_path, demo=False, public_url="")
    with pytest.raises(SetupError, match="PUBLIC_URL"):
        check_payment_settings(plain, WeChatPaySettings(**own))


async def test_the_gateway_is_made_from_the_settings_once(
    runtime: Runtime, own: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChannelNotConfigured):
        gateway(PaymentChannel.WECHAT)
    for name, value in own.items():
        monkeypatch.setenv(f"WECHAT_{name.upper()}", str(value))
    made = gateway(PaymentChannel.WECHAT)
    assert (made.merchant, made.appid) == (own["mchid"], own["appid"])
    assert gateway(PaymentChannel.WECHAT) is made
