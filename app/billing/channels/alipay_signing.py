"""Signatures of the Alipay gateway (RSA2): signed texts, and the raw answer they cover.

RSA2 is RSA PKCS#1 v1.5 with SHA-256, base64; a weaker `sign_type` of a message is never believed.
"""

import base64
import binascii
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()


def signed_text(parameters: Mapping[str, str], *, without: Iterable[str] = ("sign",)) -> str:
    """What is signed: `k=v` in the order of the names, joined by `&`, not URL-encoded.

    Empty values and the names in `without` are left out: `sign` in a request, `sign` and
    `sign_type` in a notification.
    """
    dropped = frozenset(without)
    pairs = sorted(pair for pair in parameters.items() if pair[1] and pair[0] not in dropped)
    return "&".join(f"{name}={value}" for name, value in pairs)


def sign(key: rsa.RSAPrivateKey, text: str) -> str:
    """Base64 of the signature over the UTF-8 text."""
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(key: rsa.RSAPublicKey, text: bytes, signature: str) -> bool:
    """Whether the base64 signature of the text was made with the key's private half."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def raw_members(text: str) -> dict[str, str]:
    """The members of a JSON object, each value exactly as it was written.

    An answer is signed as it was sent: blanks and `\\/` count, so it must not be serialised anew.
    The JSON decoder itself finds where a value ends, whatever braces its strings hold. Raises
    ValueError for what is not one object, and for a name that comes twice.
    """
    members: dict[str, str] = {}
    at = _expect(text, 0, "{")
    while True:
        start = _skip(text, at)
        name, at = _DECODER.raw_decode(text, start)
        if not isinstance(name, str) or name in members:
            raise ValueError("a name is missing or comes twice")
        start = _skip(text, _expect(text, at, ":"))
        _, at = _DECODER.raw_decode(text, start)
        members[name] = text[start:at]
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            break
        at += 1
    if _skip(text, _expect(text, at, "}")) != len(text):
        raise ValueError("something follows the object")
    return members


# loading checks the key, which takes some 40 ms
@functools.lru_cache(maxsize=4)
def read_private_key(text: str) -> rsa.RSAPrivateKey:
    """The application's key: PEM, or the bare base64 that Alipay's key tool writes.

    Raises ValueError for anything else.
    """
    try:
        key = (
            serialization.load_pem_private_key(text.encode(), password=None)
            if "-----" in text
            else serialization.load_der_private_key(base64.b64decode(text), password=None)
        )
    except TypeError as error:  # a key under a password
        raise ValueError(str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - like every other unreadable key
    return key


@functools.lru_cache(maxsize=4)
def read_public_key(text: str) -> rsa.RSAPublicKey:
    """Alipay's public key: PEM, or the bare base64 of the portal. Raises ValueError."""
    key = (
        serialization.load_pem_public_key(text.encode())
        if "-----" in text
        else serialization.load_der_public_key(base64.b64decode(text))
    )
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - like every other unreadable key
    return key


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark} expected")
    return at + 1
