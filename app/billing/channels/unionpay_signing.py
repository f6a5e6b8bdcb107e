"""Signatures of the UnionPay gateway 5.1.0: hashed twice, and verified by a certificate that comes
along with the message and must descend from UnionPay's own authority.
"""

import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

OWNER: Final = "中国银联股份有限公司"
"""Who UnionPay's signing certificate is made out to."""
_FIELDS: Final = 100
# a value in braces may hold `&` itself
_PAIR: Final = re.compile(r"([^=&]+)=(\{[^}]*\}|[^&]*)(?:&|$)")


@dataclass(frozen=True, slots=True)
class MerchantKey:
    """What a merchant signs with, and its certificate's number as messages name it."""

    key: rsa.RSAPrivateKey
    cert_id: str


def signed_text(fields: Mapping[str, str]) -> str:
    """`k=v` in the order of the names, joined by `&`, without `signature` and what is empty."""
    names = sorted(name for name, value in fields.items() if value and name != "signature")
    return "&".join(f"{name}={fields[name]}" for name in names)


def digest(text: str) -> bytes:
    """The first hash, as the lower-case hex text that is then signed."""
    return hashlib.sha256(text.encode()).hexdigest().encode()


def sign(key: rsa.RSAPrivateKey, fields: Mapping[str, str]) -> str:
    """Base64 of the signature of a message."""
    hashed = digest(signed_text(fields))
    return base64.b64encode(key.sign(hashed, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_genuine(
    fields: Mapping[str, str], *, root: x509.Certificate, middle: x509.Certificate, at: datetime
) -> bool:
    """Whether a message is signed by a certificate of UnionPay's that was valid at an instant."""
    certificate = _certificate_of_unionpay(fields.get("signPubKeyCert", ""), root, middle)
    if certificate is None:
        return False
    chain = (certificate, middle, root)
    if not all(one.not_valid_before_utc <= at <= one.not_valid_after_utc for one in chain):
        return False
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        raw = base64.b64decode(fields.get("signature", ""), validate=True)
        key.verify(raw, digest(signed_text(fields)), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=16)
def _certificate_of_unionpay(
    pem: str, root: x509.Certificate, middle: x509.Certificate
) -> x509.Certificate | None:
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        found.verify_directly_issued_by(middle)
        middle.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return None
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return found if len(names) == 1 and OWNER in str(names[0].value).split("@") else None


# opening the file takes some 100 ms
@functools.lru_cache(maxsize=4)
def read_merchant_key(pfx: bytes, password: str) -> MerchantKey:
    """The merchant's key and certificate from its .pfx; raises ValueError for anything else."""
    key, certificate, _ = pkcs12.load_key_and_certificates(pfx, password.encode())
    if not isinstance(key, rsa.RSAPrivateKey) or certificate is None:
        raise ValueError("not an RSA key with its certificate")
    return MerchantKey(key, str(certificate.serial_number))


@functools.lru_cache(maxsize=8)
def read_certificate(pem: str) -> x509.Certificate:
    """A certificate; raises ValueError."""
    return x509.load_pem_x509_certificate(pem.encode())


def read_answer(text: str) -> dict[str, str]:
    """The fields of an answer, which is not URL-encoded; raises ValueError."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or pair[1] in fields:
            raise ValueError("no pair, or a name that comes twice")
        fields[pair[1]], at = pair[2], pair.end()
    return fields


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a notification; raises ValueError for what is no form, or names one twice."""
    pairs = parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=_FIELDS,
    )
    fields = dict(pairs)
    if not fields or len(fields) != len(pairs):
        raise ValueError("no field, or one that comes twice")
    return fields
