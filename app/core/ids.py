"""Identifiers: UUIDv7 keys inside, prefixed base32 outside, short numbers for people."""

import base64
import secrets
import uuid

import uuid_utils.compat

from app.core.errors import NotFound

HOUSE = uuid.UUID(int=0)
"""Customer id of rows that belong to no household (house accounts, login codes)."""

_PAIR_LENGTH = 52
_SINGLE_LENGTH = 26
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_DIGITS = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")
"""From base32 to the digits that `int` reads."""
_SPEAKABLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def new_id() -> uuid.UUID:
    """A new UUIDv7: sorts by creation time."""
    return uuid_utils.compat.uuid7()


def named_id(space: uuid.UUID, name: str) -> uuid.UUID:
    """The id of what a repeated request makes: the same for the same name within `space`."""
    return uuid.uuid5(space, name)


def public_pair(prefix: str, customer_id: uuid.UUID, row_id: uuid.UUID) -> str:
    """Public id of a customer-owned row: prefix and 52 characters of `customer_id‖id`."""
    raw = base64.b32encode(customer_id.bytes + row_id.bytes).decode()
    return f"{prefix}_{raw.rstrip('=').lower()}"


def public_single(prefix: str, row_id: uuid.UUID) -> str:
    """Public id of a shared row: prefix and 26 characters of the id."""
    return f"{prefix}_{base64.b32encode(row_id.bytes).decode().rstrip('=').lower()}"


def read_pair(prefix: str, text: str) -> tuple[uuid.UUID, uuid.UUID]:
    """`(customer_id, id)` of a public id; raises NotFound for anything malformed."""
    raw = _decode(prefix, text, _PAIR_LENGTH)
    return uuid.UUID(bytes=raw[:16]), uuid.UUID(bytes=raw[16:])


def read_single(prefix: str, text: str) -> uuid.UUID:
    """The id in a public id of a shared row; raises NotFound for anything malformed."""
    return uuid.UUID(bytes=_decode(prefix, text, _SINGLE_LENGTH))


def _decode(prefix: str, text: str, length: int) -> bytes:
    head, _, body = text.partition("_")
    if head != prefix or len(body) != length or not _BASE32.issuperset(body):
        raise NotFound
    number = int(body.translate(_DIGITS), 32)
    size, spare = divmod(5 * length, 8)
    if number & ((1 << spare) - 1):  # the same id in other letters
        raise NotFound
    return (number >> spare).to_bytes(size)


def speakable_number(length: int = 10) -> str:
    """A random number for people to read out (no 0/O, 1/I/L); uniqueness is the registry's."""
    return "".join(secrets.choice(_SPEAKABLE) for _ in range(length))
