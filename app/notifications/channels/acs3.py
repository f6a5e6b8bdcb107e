"""ACS3-HMAC-SHA256, the request signature of Aliyun's OpenAPI (V3 signature mechanism)."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"


def canonical_query(query: Mapping[str, str]) -> str:
    """Parameters sorted by name and encoded by RFC 3986, as they are sent and signed."""
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query)
    )


def canonical_request(
    *, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> str:
    """The text whose hash is signed; `headers` are all signed, names in lower case."""
    names = sorted(headers)
    return "\n".join(
        [
            method,
            path,
            canonical_query(query),
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )


def signed_headers(
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    host: str,
    action: str,
    version: str,
    at: datetime,
    nonce: str,
    access_key_id: str,
    access_key_secret: str,
    body: bytes = b"",
) -> dict[str, str]:
    """All headers of a request, Authorization included; `at` is wall time."""
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    canonical = canonical_request(method=method, path=path, query=query, headers=headers, body=body)
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    authorization = (
        f"{ALGORITHM} Credential={access_key_id},SignedHeaders={';'.join(sorted(headers))},"
        f"Signature={signature}"
    )
    return headers | {"authorization": authorization}
