"""ACS3-HMAC-SHA256, verified from the provider's side.

Source: Aliyun OpenAPI V3 request structure and signature. The names signed are read from
SignedHeaders; clients sign more than the required six.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote

from simulators.channels.aliyun_sms.errors import GatewayError, not_signed
from simulators.channels.clock import SimClock
from simulators.channels.credentials import SmsAccount
from simulators.channels.nonces import NonceMemory

ALGORITHM: Final = "ACS3-HMAC-SHA256"
MAX_AGE: Final = timedelta(minutes=15)

_AUTHORIZATION: Final = re.compile(
    r"ACS3-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})"
)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_ALWAYS_SIGNED: Final = (
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-content-sha256",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as it came over the wire; `headers` has lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def canonical_query(query: str) -> str:
    """The query sorted by name and encoded by RFC 3986; raises GatewayError for a huge one."""
    try:
        pairs = sorted(parse_qsl(query, keep_blank_values=True, max_num_fields=500))
    except ValueError as error:
        raise not_signed("Too many parameters.") from error
    return "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs)


def canonical_request(request: SignedRequest, *, signed_headers: list[str]) -> str:
    """The text whose hash is signed; the body's hash is computed, never taken from a header."""
    lines = [f"{name}:{request.headers.get(name, '').strip()}\n" for name in signed_headers]
    return "\n".join(
        [
            request.method,
            request.path,
            canonical_query(request.query),
            "".join(lines),
            ";".join(signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )


def signature(canonical: str, *, secret: str) -> str:
    """Hex HMAC-SHA256 over the algorithm's name and the hash of the canonical request."""
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Acs3Gate:
    """Checks who sent a request, and that it is fresh and whole."""

    def __init__(self, *, accounts: Mapping[str, SmsAccount], clock: SimClock) -> None:
        self._names = {account.access_key_id: name for name, account in accounts.items()}
        self._accounts = accounts
        self._clock = clock
        self._nonces = NonceMemory(keep=2 * MAX_AGE)

    def claimed(self, authorization: str) -> str | None:
        """The account a request says it comes from, unproved; None for no known one."""
        match = _AUTHORIZATION.fullmatch(authorization)
        return None if match is None else self._names.get(match[1])

    def check(self, request: SignedRequest) -> str:
        """The account of a genuine request; raises GatewayError with the gateway's own codes."""
        headers = request.headers
        match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if match is None:
            raise not_signed("Authorization is missing or malformed.")
        key_id, names, sent = match.groups()
        name = self._names.get(key_id)
        if name is None:
            text = "Specified access key is not found."
            raise GatewayError(404, "InvalidAccessKeyId.NotFound", text)
        signed = names.split(";")
        if signed != sorted(set(signed)):
            raise not_signed("SignedHeaders must be sorted and unique.")
        present = {name for name in headers if name.startswith("x-acs-")}
        if unsigned := (present | set(_ALWAYS_SIGNED)) - set(signed):
            raise not_signed(f"Not signed: {', '.join(sorted(unsigned))}.")
        if headers.get("x-acs-content-sha256") != hashlib.sha256(request.body).hexdigest():
            raise not_signed("x-acs-content-sha256 is not the hash of the body.")
        expected = signature(
            canonical_request(request, signed_headers=signed),
            secret=self._accounts[name].access_key_secret,
        )
        if not hmac.compare_digest(expected, sent):
            raise not_signed("Check the key and the canonical request.")
        self._check_fresh(headers)
        return name

    def _check_fresh(self, headers: Mapping[str, str]) -> None:
        now = self._clock.wall()
        sent = headers.get("x-acs-date", "")
        if _DATE.fullmatch(sent) is None:
            text = "Specified time stamp or date value is not well formatted."
            raise GatewayError(400, "InvalidTimeStamp.Format", text)
        at = datetime.fromisoformat(sent).astimezone(UTC)
        if abs(now - at) > MAX_AGE:
            text = "Specified time stamp or date value is expired."
            raise GatewayError(400, "InvalidTimeStamp.Expired", text)
        nonce = headers.get("x-acs-signature-nonce", "")
        if not nonce or not self._nonces.first_use(nonce, now=now):
            text = "Specified signature nonce was used already."
            raise GatewayError(400, "SignatureNonceUsed", text)
