"""The signature of Taobao's open platform (TOP, document 101617)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

SIGN_METHOD: Final = "hmac-sha256"
"""What we sign with; the platform also takes `md5` and `hmac` (HMAC-MD5)."""


def signed_text(parameters: Mapping[str, str]) -> str:
    """Every parameter but `sign`, empty ones dropped, by name, names and values joined."""
    return "".join(
        f"{name}{parameters[name]}"
        for name in sorted(parameters)
        if name != "sign" and parameters[name] != ""
    )


def sign(parameters: Mapping[str, str], *, secret: str) -> str:
    """The signature by the method the parameters name; raises ValueError for an unknown one."""
    text = signed_text(parameters)
    match parameters.get("sign_method"):
        case "md5":
            digest = hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).digest()
        case "hmac":
            digest = hmac.digest(secret.encode(), text.encode(), "md5")
        case "hmac-sha256":
            digest = hmac.digest(secret.encode(), text.encode(), "sha256")
        case other:
            raise ValueError(f"no such sign_method: {other!r}")
    return digest.hex().upper()
