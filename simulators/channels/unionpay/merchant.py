"""The demo merchant at UnionPay: its .pfx, and the authorities under which UnionPay signs."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

SIGNER: Final = "041@中国银联股份有限公司@00040000:SIGN@00000001"
PFX_PASSWORD: Final = "000000"  # noqa: S105 - everybody's
"""As every test certificate of UnionPay's has it."""
_YEARS: Final = timedelta(days=5 * 365)
_TEXTS: Final = {
    "merchant_key_pem": "merchant_key.pem",
    "merchant_certificate_pem": "merchant_cert.pem",
    "root_pem": "acp_root.cer",
    "middle_pem": "acp_middle.cer",
    "platform_key_pem": "platform_key.pem",
    "platform_certificate_pem": "platform_cert.pem",
}

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionPayMerchant:
    """The merchant's number, key and certificate; UnionPay's key and the chain above it."""

    mer_id: str
    merchant_key_pem: str
    merchant_certificate_pem: str
    root_pem: str
    middle_pem: str
    platform_key_pem: str
    platform_certificate_pem: str

    def pfx(self) -> bytes:
        """What the merchant downloads: key and certificate under the usual password."""
        key = serialization.load_pem_private_key(self.merchant_key_pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("not an RSA key")
        certificate = x509.load_pem_x509_certificate(self.merchant_certificate_pem.encode())
        locked = serialization.BestAvailableEncryption(PFX_PASSWORD.encode())
        return pkcs12.serialize_key_and_certificates(None, key, certificate, None, locked)

    def files(self) -> Mapping[str, bytes]:
        """What belongs into the merchant's folder, by name."""
        texts = {name: getattr(self, field).encode() for field, name in _TEXTS.items()}
        return texts | {"merchant.pfx": self.pfx()}


def new_merchant(mer_id: str) -> UnionPayMerchant:
    """A merchant with fresh keys."""
    # the authorities sign twice in their life: a curve is made in no time
    root_key, middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    merchant_key, platform_key = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)
    )
    root = _issued("CFCA SIM ROOT CA", root_key, by=None, with_key=root_key)
    middle = _issued("CFCA SIM OCA", middle_key, by=root, with_key=root_key)
    platform = _issued(SIGNER, platform_key, by=middle, with_key=middle_key)
    merchant = _issued(f"041@{mer_id}", merchant_key, by=middle, with_key=middle_key)
    return UnionPayMerchant(
        mer_id=mer_id,
        merchant_key_pem=_key_pem(merchant_key),
        merchant_certificate_pem=_pem(merchant),
        root_pem=_pem(root),
        middle_pem=_pem(middle),
        platform_key_pem=_key_pem(platform_key),
        platform_certificate_pem=_pem(platform),
    )


def load_merchant(folder: Path, mer_id: str) -> UnionPayMerchant | None:
    """A merchant whose files were written before; None when one is missing."""
    paths = {field: folder / name for field, name in _TEXTS.items()}
    if not mer_id or not all(path.is_file() for path in paths.values()):
        return None
    texts = {field: path.read_text(encoding="utf-8") for field, path in paths.items()}
    return UnionPayMerchant(mer_id=mer_id, **texts)


def merchant_settings(merchant: UnionPayMerchant, folder: Path, *, base: str) -> dict[str, str]:
    """Settings the product needs to reach the simulated UnionPay."""
    return {
        "base_url": f"{base}/unionpay/gateway/api",
        "mer_id": merchant.mer_id,
        "private_key_path": str(folder / "merchant.pfx"),
        "private_key_password": PFX_PASSWORD,
        "root_cert_path": str(folder / "acp_root.cer"),
        "middle_cert_path": str(folder / "acp_middle.cer"),
    }


def _issued(
    common_name: str, key: _Key, *, by: x509.Certificate | None, with_key: _Key
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.subject)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(64) | 1)
        .not_valid_before(start)
        .not_valid_after(start + _YEARS)
        .sign(with_key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
