"""Personal data at rest: AES-256-GCM per value, blind index for equality search.

A sealed value is `version ‖ length of key id ‖ key id ‖ nonce ‖ ciphertext`; the additional data
is table, column and row id, so a value moved to another cell does not open. The index is
HMAC-SHA-256 of the normalised value under a separate key, per purpose.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import SetupError

_VERSION = 1
_NONCE = 12
_KEY = 32


class SealBroken(Exception):
    """The value was altered, moved to another cell, or sealed under a lost key."""


@dataclass(frozen=True)
class Cell:
    """The place of a sealed value; part of what is authenticated."""

    table: str
    column: str
    row_id: UUID

    def additional_data(self) -> bytes:
        """Bytes bound to the ciphertext."""
        return f"{self.table}|{self.column}|".encode() + self.row_id.bytes


class KeyRing:
    """Data keys by id, the index key and the token key."""

    def __init__(
        self, *, data: dict[str, bytes], current: str, index_key: bytes, token_key: bytes
    ) -> None:
        if current not in data:
            raise SetupError(f"Key file names {current!r} as current, but holds no such data key.")
        self._ciphers = {kid: AESGCM(key) for kid, key in data.items()}
        self._current = current
        self._index_key = index_key
        self._purposes: dict[str, bytes] = {}
        self._token_key = token_key

    @property
    def current_key_id(self) -> str:
        """Id of the key that seals new values."""
        return self._current

    def seal(self, plain: str, cell: Cell) -> bytes:
        """Encrypt one value for one cell."""
        kid = self._current.encode()
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, plain.encode(), cell.additional_data())
        return bytes((_VERSION, len(kid))) + kid + nonce + sealed

    def open(self, sealed: bytes, cell: Cell) -> str:
        """Decrypt; raises SealBroken."""
        kid, rest = split_key_id(sealed)
        cipher = self._ciphers.get(kid)
        if cipher is None:
            raise SealBroken(f"no key {kid!r}")
        try:
            plain = cipher.decrypt(rest[:_NONCE], rest[_NONCE:], cell.additional_data())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("value does not belong to this cell") from error
        return plain.decode()

    def blind_index(self, purpose: str, normalised: str) -> bytes:
        """Deterministic 32 bytes for equality search within one purpose."""
        key = self._purposes.get(purpose)
        if key is None:
            key = hmac.digest(self._index_key, purpose.encode(), hashlib.sha256)
            self._purposes[purpose] = key
        return hmac.digest(key, normalised.encode(), hashlib.sha256)

    def sign(self, purpose: str, message: bytes) -> bytes:
        """HMAC of a short-lived token of ours (preview tokens, cursors)."""
        key = hmac.digest(self._token_key, purpose.encode(), hashlib.sha256)
        return hmac.digest(key, message, hashlib.sha256)


def split_key_id(sealed: bytes) -> tuple[str, bytes]:
    """`(key id, nonce ‖ ciphertext)` of a sealed value; raises SealBroken."""
    if len(sealed) < 2 or sealed[0] != _VERSION or len(sealed) < 2 + sealed[1] + _NONCE:
        raise SealBroken("not a sealed value")
    end = 2 + sealed[1]
    return sealed[2:end].decode(errors="replace"), sealed[end:]


def new_key_file() -> dict[str, object]:
    """Content of a fresh key file."""
    kid = f"k{secrets.token_hex(3)}"
    key = [base64.b64encode(os.urandom(_KEY)).decode() for _ in range(3)]
    return {"current": kid, "data": {kid: key[0]}, "index": key[1], "token": key[2]}


def write_key_file(path: Path) -> None:
    """Write a fresh key file (0600); raises FileExistsError rather than overwrite one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(new_key_file(), file, indent=2)


def load_keys(path: Path) -> KeyRing:
    """Read a key file; raises SetupError with the mend."""
    mend = "Make one with `python -m app keys new FILE` and set KEYS_FILE to it."
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise SetupError(f"Key file {path} does not exist. {mend}") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"Key file {path} cannot be read as JSON. {mend}") from error
    try:
        data = {_key_id(kid): _key(text) for kid, text in content["data"].items()}
        index_key, token_key = _key(content["index"]), _key(content["token"])
        _require_separate(*data.values(), index_key, token_key)
        return KeyRing(
            data=data, current=content["current"], index_key=index_key, token_key=token_key
        )
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise SetupError(f"Key file {path} is incomplete or holds a sample key. {mend}") from error


def _require_separate(*keys: bytes) -> None:
    if len(set(keys)) < len(keys):
        raise ValueError("one key for two purposes")


def _key_id(kid: str) -> str:
    if not 0 < len(kid.encode()) < 256:
        raise ValueError("a key id has 1 to 255 bytes")
    return kid


def _key(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if len(raw) != _KEY or len(set(raw)) < 8:
        raise ValueError("not 32 random bytes")
    return raw
