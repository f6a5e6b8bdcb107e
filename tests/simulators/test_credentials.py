"""Keys of an installation: made once, kept private, and usable."""

import json
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.credentials import (
    DEMO_ACCESS_KEY_PREFIX,
    DEMO_MCHID_PREFIX,
    ensure_credentials,
    load_credentials,
    public_pem,
)


def test_settings_are_made_once_and_only_the_address_changes(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path, "http://127.0.0.1:8001/")
    second = ensure_credentials(tmp_path, "http://127.0.0.1:9001")
    assert first["wechat"].pop("base_url") == "http://127.0.0.1:8001"
    assert second["wechat"].pop("base_url") == "http://127.0.0.1:9001"
    for name in ("alipay", "unionpay", "aliyun_sms", "aliyun_sms_backup", "taobao"):
        assert first[name].pop("base_url") != second[name].pop("base_url")
    assert first == second
    written = json.loads((tmp_path / "demo" / "channels.json").read_text())
    assert written["wechat"]["base_url"] == "http://127.0.0.1:9001"


def test_two_installations_share_nothing(tmp_path: Path) -> None:
    one = ensure_credentials(tmp_path / "a", "http://127.0.0.1:1")
    two = ensure_credentials(tmp_path / "b", "http://127.0.0.1:1")
    for channel, name in (
        ("wechat", "mchid"),
        ("wechat", "apiv3_key"),
        ("wechat", "serial_no"),
        ("wechat", "public_key_id"),
        ("aliyun_sms", "access_key_secret"),
        ("aliyun_sms", "receipt_secret"),
        ("aliyun_sms_backup", "access_key_secret"),
    ):
        assert one[channel][name] != two[channel][name]


def test_files_are_private_and_the_keys_fit_together(tmp_path: Path) -> None:
    settings = ensure_credentials(tmp_path, "http://127.0.0.1:1")["wechat"]
    files = [path for path in (tmp_path / "demo").rglob("*") if path.is_file()]
    assert len(files) == 15
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    credentials = load_credentials(tmp_path)
    assert credentials is not None
    merchant = credentials.merchant
    assert Path(settings["private_key_path"]).is_absolute()
    assert Path(settings["private_key_path"]).read_text() == merchant.private_key_pem
    assert Path(settings["public_key_path"]).read_text() == public_pem(
        credentials.public_keys[-1].private_key_pem
    )
    certificate = x509.load_pem_x509_certificate(merchant.certificate_pem.encode())
    assert f"{certificate.serial_number:X}" == merchant.serial_no == settings["serial_no"]
    assert len(merchant.serial_no) == 40
    key = serialization.load_pem_private_key(merchant.private_key_pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == certificate.public_key()
    assert len(settings["apiv3_key"].encode()) == 32
    assert settings["public_key_id"].startswith("PUB_KEY_ID_")
    assert settings["mchid"].startswith(DEMO_MCHID_PREFIX)
    assert credentials.sms.access_key_id.startswith(DEMO_ACCESS_KEY_PREFIX)


def test_a_demo_of_one_sms_account_gets_the_second_and_keeps_the_first(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path, "http://127.0.0.1:1")
    path = tmp_path / "demo" / "channels.json"
    older = json.loads(path.read_text())
    del older["aliyun_sms_backup"]
    path.write_text(json.dumps(older))
    second = ensure_credentials(tmp_path, "http://127.0.0.1:1")
    assert second["aliyun_sms"] == first["aliyun_sms"]
    backup = second["aliyun_sms_backup"]
    assert backup["access_key_id"] not in {
        first["aliyun_sms"]["access_key_id"],
        first["aliyun_sms_backup"]["access_key_id"],
    }
    assert ensure_credentials(tmp_path, "http://127.0.0.1:1") == second


def test_a_missing_part_means_new_keys(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path, "http://127.0.0.1:1")
    Path(first["wechat"]["private_key_path"]).unlink()
    assert load_credentials(tmp_path) is None
    second = ensure_credentials(tmp_path, "http://127.0.0.1:1")
    assert second["wechat"]["mchid"] != first["wechat"]["mchid"]
