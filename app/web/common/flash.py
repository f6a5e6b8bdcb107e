"""One message carried over a redirect, in a cookie that lives for a minute.

Never personal data: "已退款" and a number at the most.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Literal

from fastapi import Request
from starlette.responses import RedirectResponse, Response

_COOKIE = "suixinding_flash"
_SECONDS = 60
_LONGEST = 300
Kind = Literal["ok", "warn", "bad", "info"]


@dataclass(frozen=True)
class Flash:
    """A message and how it looks."""

    kind: str
    text: str


def see_other(address: str, *, flash: str | None = None, kind: Kind = "ok") -> RedirectResponse:
    """After a form was accepted: send the browser on, and let it say so there."""
    answer = RedirectResponse(address, status_code=303)
    if flash is not None:
        value = urlsafe_b64encode(json.dumps([kind, flash[:_LONGEST]]).encode()).decode()
        answer.set_cookie(_COOKIE, value, max_age=_SECONDS, httponly=True, samesite="lax")
    return answer


def read_flash(request: Request) -> Flash | None:
    """The message of the redirect that led here."""
    value = request.cookies.get(_COOKIE)
    if not value:
        return None
    try:
        kind, text = json.loads(urlsafe_b64decode(value.encode()))
    except ValueError:
        return None
    known = kind if kind in {"ok", "warn", "bad", "info"} else "info"
    return Flash(known, str(text)[:_LONGEST])


def clear_flash(answer: Response) -> None:
    """It is shown once."""
    answer.delete_cookie(_COOKIE, httponly=True, samesite="lax")
