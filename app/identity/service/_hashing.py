"""Slow hashes, on two threads of their own: the loop never waits, memory stays bounded."""

import asyncio
import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="slow-hash")
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$Veyjuwwev2OqMgp73Fah5Q"
    "$RNRoWr1bYEKGniYnpp4pLqzwUyxx/UQCD2WjyRQjD6k"
)
"""Verified for logins that do not exist, so that they take as long; its password was never kept."""
_SCRYPT_COST: Final = 2**14


async def hash_password(password: str) -> str:
    """Argon2id hash of a staff password."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password fits; takes as long when there is no hash to fit."""
    return await asyncio.get_running_loop().run_in_executor(
        _THREADS, _verify, password_hash, password
    )


def _verify(password_hash: str | None, password: str) -> bool:
    usable = password_hash if password_hash and password_hash.startswith("$argon2id$") else None
    try:
        _HASHER.verify(usable or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return usable is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


async def hash_code(code: str, salt: bytes) -> bytes:
    """Scrypt hash of a login code."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _scrypt, code, salt)


async def verify_code(kept: tuple[bytes, bytes] | None, code: str) -> bool:
    """Whether the code fits `(hash, salt)`; takes as long when there is nothing to fit."""
    code_hash, salt = kept or (b"", b"\0" * 16)
    return hmac.compare_digest(await hash_code(code, salt), code_hash)


def _scrypt(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.encode(), salt=salt, n=_SCRYPT_COST, r=8, p=1, dklen=32)
