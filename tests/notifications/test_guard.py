"""A demo never reaches the real provider, and production never the simulator."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.config import AliyunSmsBackupSettings, AliyunSmsSettings, InstallationSettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.notifications.channels import check_sms_accounts
from app.notifications.states import SmsAccount
from tests.factories.notifications import BACKUP_SETTINGS, SETTINGS

DEMO = {
    "base_url": "http://127.0.0.1:8001",
    "access_key_id": "LTAIDEMOabcdefgh",
    "access_key_secret": "secret",
    "sign_name": "随心订",
    "receipt_secret": "receipts",
}


def _primary(
    installation: InstallationSettings, settings: AliyunSmsSettings | None = None
) -> AliyunSmsSettings:
    given = None if settings is None else {SmsAccount.PRIMARY: settings}
    (found,) = check_sms_accounts(installation, given).values()
    return found


def _demo(var: Path, **changes: Any) -> InstallationSettings:
    installation = InstallationSettings(var_dir=var, demo=True)
    installation.demo_dir.mkdir(exist_ok=True)
    channels = {"aliyun_sms": DEMO | changes, "wechat": {}}
    (installation.demo_dir / "channels.json").write_text(json.dumps(channels))
    return installation


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEMO:
        monkeypatch.delenv(f"ALIYUN_SMS_{name.upper()}", raising=False)


def test_a_demo_uses_the_simulators_account(tmp_path: Path) -> None:
    settings = _primary(_demo(tmp_path))
    assert settings.model_dump() == DEMO


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://dysmsapi.aliyuncs.com"},
        {"access_key_id": "LTAI5tReal"},
        {"access_key_id": ""},
    ],
)
def test_a_demo_refuses_the_real_provider(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="A demo sends no real SMS"):
        _primary(_demo(tmp_path, **changes))


def test_a_demo_without_its_file_does_not_fall_back_on_real_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = InstallationSettings(var_dir=tmp_path, demo=True)
    assert demo_channel(installation, "aliyun_sms") is None
    monkeypatch.setenv("ALIYUN_SMS_ACCESS_KEY_ID", "LTAI5tReal")
    monkeypatch.setenv("ALIYUN_SMS_ACCESS_KEY_SECRET", "real")
    monkeypatch.setenv("ALIYUN_SMS_SIGN_NAME", "随心订")
    with pytest.raises(SetupError, match="A demo sends no real SMS"):
        _primary(installation)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    installation = _demo(tmp_path)
    (installation.demo_dir / "channels.json").write_text("{")
    with pytest.raises(SetupError, match=r"channels\.json cannot be read"):
        demo_channel(installation, "aliyun_sms")


def test_production_takes_its_account_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _demo(tmp_path)
    installation = InstallationSettings(var_dir=tmp_path, demo=False)
    assert demo_channel(installation, "aliyun_sms") is None
    with pytest.raises(SetupError, match="ALIYUN_SMS_ACCESS_KEY_ID"):
        _primary(installation)
    monkeypatch.setenv("ALIYUN_SMS_ACCESS_KEY_ID", "LTAI5tReal")
    monkeypatch.setenv("ALIYUN_SMS_ACCESS_KEY_SECRET", "real")
    monkeypatch.setenv("ALIYUN_SMS_SIGN_NAME", "随心订")
    settings = _primary(installation)
    assert settings.base_url == "https://dysmsapi.aliyuncs.com"


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://127.0.0.1:8001"},
        {"base_url": "https://localhost"},
        {"base_url": "https://[::1]:8001"},
        {"base_url": "http://dysmsapi.aliyuncs.com"},
        {"access_key_id": "LTAIDEMOabcdefgh"},
    ],
)
def test_production_refuses_a_simulator(tmp_path: Path, changes: dict[str, str]) -> None:
    installation = InstallationSettings(var_dir=tmp_path, demo=False)
    assert _primary(installation, SETTINGS) == SETTINGS
    wrong: AliyunSmsSettings = SETTINGS.model_copy(update=changes)
    with pytest.raises(SetupError, match="belongs to a simulator"):
        _primary(installation, wrong)


def test_a_second_account_is_used_where_it_is_whole_and_another_one(tmp_path: Path) -> None:
    installation = InstallationSettings(var_dir=tmp_path, demo=False)
    both = {SmsAccount.PRIMARY: SETTINGS, SmsAccount.BACKUP: BACKUP_SETTINGS}
    assert list(check_sms_accounts(installation, both)) == ["primary", "backup"]
    half = both | {SmsAccount.BACKUP: BACKUP_SETTINGS.model_copy(update={"sign_name": ""})}
    with pytest.raises(SetupError, match="ALIYUN_SMS_BACKUP_SIGN_NAME"):
        check_sms_accounts(installation, half)
    same = both | {SmsAccount.BACKUP: SETTINGS}
    with pytest.raises(SetupError, match="names the first account again"):
        check_sms_accounts(installation, same)
    none = both | {SmsAccount.BACKUP: AliyunSmsBackupSettings()}
    assert list(check_sms_accounts(installation, none)) == ["primary"]
