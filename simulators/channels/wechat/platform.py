"""The platform's own keys: which one signs what, and how they change."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.clock import china_seconds
from simulators.channels.credentials import (
    ChannelCredentials,
    PlatformKey,
    new_platform_certificate,
    new_platform_public_key,
)
from simulators.channels.wechat.signing import encrypt, load_private_key, new_nonce


class SigningMode(StrEnum):
    """Which of the two kinds of keys signs."""

    PUBLIC_KEY = "public_key"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A loaded key and the serial named beside its signatures."""

    serial: str
    key: rsa.RSAPrivateKey


def _loaded(known: PlatformKey) -> SigningKey:
    return SigningKey(serial=known.serial, key=load_private_key(known.private_key_pem))


class PlatformKeys:
    """Signing keys of the platform; two certificates may be valid at once."""

    def __init__(
        self,
        credentials: ChannelCredentials,
        *,
        on_change: Callable[[ChannelCredentials], None] | None = None,
    ) -> None:
        self._credentials = credentials
        self._on_change = on_change
        self.answers = SigningMode.PUBLIC_KEY
        """Mode of answers to requests that name no key."""
        self.certificate_share = 0.0
        """Share of notifications signed with the certificate (switch period)."""

    @property
    def credentials(self) -> ChannelCredentials:
        """Accounts and keys as they stand."""
        return self._credentials

    def for_answer(self, asked_serial: str | None) -> SigningKey:
        """The key for an answer: the one the request names, else that of the answers' mode."""
        for known in (*self._credentials.public_keys, *self._credentials.certificates):
            if asked_serial == known.serial:
                return _loaded(known)
        return self.current(self.answers)

    def for_notification(self) -> SigningKey:
        """The key for a notification; in a switch period drawn by share."""
        if random.random() < self.certificate_share:
            return self.current(SigningMode.CERTIFICATE)
        return self.current(SigningMode.PUBLIC_KEY)

    def current(self, mode: SigningMode) -> SigningKey:
        """The newest key of a kind."""
        if mode is SigningMode.CERTIFICATE:
            return _loaded(self._credentials.certificates[-1])
        return _loaded(self._credentials.public_keys[-1])

    def rotate(self, mode: SigningMode) -> str:
        """Bring in a new key of a kind and return its serial; older ones stay known."""
        if mode is SigningMode.CERTIFICATE:
            fresh = new_platform_certificate()
            # the platform lists at most two certificates around a change
            kept = (self._credentials.certificates[-1], fresh)
            self._change(replace(self._credentials, certificates=kept))
        else:
            fresh = new_platform_public_key()
            keys = (*self._credentials.public_keys, fresh)
            self._change(replace(self._credentials, public_keys=keys))
        return fresh.serial

    def certificate_list(self) -> dict[str, Any]:
        """Answer of `GET /v3/certificates`: each certificate encrypted with the API v3 key."""
        return {"data": [self._listed(known) for known in self._credentials.certificates]}

    def _listed(self, known: PlatformKey) -> dict[str, Any]:
        certificate = x509.load_pem_x509_certificate(known.certificate_pem.encode())
        nonce = new_nonce(12)
        return {
            "serial_no": known.serial,
            "effective_time": china_seconds(certificate.not_valid_before_utc.astimezone(UTC)),
            "expire_time": china_seconds(certificate.not_valid_after_utc.astimezone(UTC)),
            "encrypt_certificate": {
                "algorithm": "AEAD_AES_256_GCM",
                "nonce": nonce,
                "associated_data": "certificate",
                "ciphertext": encrypt(
                    apiv3_key=self._credentials.merchant.apiv3_key,
                    nonce=nonce,
                    associated_data="certificate",
                    plain=known.certificate_pem.encode(),
                ),
            },
        }

    def _change(self, credentials: ChannelCredentials) -> None:
        self._credentials = credentials
        if self._on_change is not None:
            self._on_change(credentials)
