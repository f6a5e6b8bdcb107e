"""Signatures and encryption of API v3, written from the platform's side.

Sources: WeChat Pay API v3 interface rules (signature, verification, AES-256-GCM).
"""

import base64
import binascii
import functools
import re
import secrets
import string
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simulators.channels.wechat.errors import sign_error

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
PROBE_PREFIX: Final = "WECHATPAY/SIGNTEST/"

_NONCE_ALPHABET: Final = string.ascii_letters + string.digits
_PAIR: Final = re.compile(r'\s*(\w+)="([^"]*)"\s*')
_PARTS: Final = frozenset({"mchid", "nonce_str", "signature", "timestamp", "serial_no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The five parts of a request's Authorization header."""

    mchid: str
    nonce_str: str
    signature: str
    timestamp: str
    serial_no: str


def request_text(*, method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The signed text of a request; `target` is path and query exactly as sent."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def answer_text(*, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The signed text of an answer or a notification."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def pay_sign_text(*, appid: str, timestamp: str, nonce: str, package: str) -> bytes:
    """The text a front end signs to open the cashier (JSAPI, mini program)."""
    return f"{appid}\n{timestamp}\n{nonce}\n{package}\n".encode()


def parse_authorization(header: str | None) -> Authorization:
    """Read the Authorization header; raises WeChatError 401 when it is not well-formed."""
    if not header:
        raise sign_error("Http头缺少Authorization")
    scheme, _, rest = header.partition(" ")
    if scheme != SCHEME:
        raise sign_error("Authorization认证类型不正确")
    found: dict[str, str] = {}
    for piece in rest.split(","):
        match = _PAIR.fullmatch(piece)
        if match is None or match[1] in found:
            raise sign_error("Http头Authorization值格式错误")
        found[match[1]] = match[2]
    if found.keys() != _PARTS:
        raise sign_error("Http头Authorization值格式错误")
    return Authorization(**found)


# loading checks the key, which takes some 40 ms
@functools.lru_cache(maxsize=64)
def load_private_key(pem: str) -> rsa.RSAPrivateKey:
    """An RSA private key from PEM; raises TypeError for another kind."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def certificate_key(pem: str) -> rsa.RSAPublicKey:
    """The RSA public key inside a PEM certificate; raises TypeError for another kind."""
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("not an RSA certificate")
    return key


def sign(key: rsa.RSAPrivateKey, text: bytes) -> str:
    """RSA PKCS#1 v1.5 with SHA-256, base64."""
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed_by(key: rsa.RSAPublicKey, text: bytes, signature: str) -> bool:
    """Whether the base64 signature of the text was made with the key's private half."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def encrypt(*, apiv3_key: str, nonce: str, associated_data: str, plain: bytes) -> str:
    """AES-256-GCM as notifications carry it: base64 of the cipher text and its 16-byte tag."""
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plain, associated_data.encode())
    return base64.b64encode(sealed).decode()


def new_nonce(length: int = 32) -> str:
    """A random text of letters and digits."""
    return "".join(secrets.choice(_NONCE_ALPHABET) for _ in range(length))
