"""Alipay's side of RSA2 signatures, written apart from the product's.

Sources: public parameters and answers of the gateway, verification of asynchronous notifications.
"""

import base64
import binascii
import functools
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_UNSIGNED_IN_NOTICES: Final = frozenset({"sign", "sign_type"})


def request_text(form: Mapping[str, str]) -> bytes:
    """What a merchant signs: everything but `sign` and what is empty, `sign_type` included."""
    names = sorted(name for name in form if name != "sign" and form[name] != "")
    return "&".join(f"{name}={form[name]}" for name in names).encode()


def notice_text(form: Mapping[str, str]) -> bytes:
    """What Alipay signs in a notification: neither `sign` nor `sign_type` belongs to it."""
    names = sorted(name for name in form if name not in _UNSIGNED_IN_NOTICES and form[name] != "")
    return "&".join(f"{name}={form[name]}" for name in names).encode(form.get("charset", "utf-8"))


# loading checks the key, which takes some 40 ms
@functools.lru_cache(maxsize=64)
def load_key(pem: str) -> rsa.RSAPrivateKey:
    """An RSA private key from PEM; raises TypeError for another kind."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def rsa2(key: rsa.RSAPrivateKey, text: bytes) -> str:
    """RSA PKCS#1 v1.5 with SHA-256, base64."""
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def fits(key: rsa.RSAPublicKey, text: bytes, signature: str) -> bool:
    """Whether the base64 signature of the text was made with the key's private half."""
    try:
        key.verify(
            base64.b64decode(signature, validate=True), text, padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
