"""The platform's side of a TOP signature (document 101617)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

METHODS: Final = ("md5", "hmac", "hmac-sha256")


def expected_sign(parameters: Mapping[str, str], *, secret: str) -> str:
    """What `sign` must be; raises ValueError for a method the platform does not know."""
    method = parameters.get("sign_method", "md5")
    if method not in METHODS:
        raise ValueError(method)
    pairs = sorted(item for item in parameters.items() if item[0] != "sign" and item[1])
    joined = "".join(name + value for name, value in pairs)
    if method == "md5":
        text = (secret + joined + secret).encode()
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    algorithm = hashlib.md5 if method == "hmac" else hashlib.sha256
    return hmac.new(secret.encode(), joined.encode(), algorithm).hexdigest().upper()
