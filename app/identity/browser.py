"""Sessions of browsers: one cookie, and the proof that a request was meant by the page.

The cookie holds the access token of a session, and never changes while that lasts: use moves its
end in the table, so neither two tabs nor a lost answer can log anybody out (ADR 7). A request that
changes something and relies on the cookie must come from our own origin and carry a token which
only our pages can read; a bearer token needs neither.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from app.core.config import InstallationSettings
from app.core.runtime import Runtime, keys
from app.identity.errors import RequestNotMeant

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_NONCE = 12
_PURPOSE = "csrf"


def cookie_name(installation: InstallationSettings) -> str:
    """`__Host-` binds the cookie to this host and to TLS; a demo on loopback has none."""
    return "__Host-suixinding" if installation.secure_cookies else "suixinding"


def _installation(request: Request) -> InstallationSettings:
    runtime: Runtime = request.app.state.runtime
    return runtime.installation


def session_cookie(request: Request) -> str | None:
    """The token in the request's cookie."""
    token = request.cookies.get(cookie_name(_installation(request)))
    return token if token and token.isascii() else None


def set_session_cookie(
    request: Request, answer: Response, *, token: str, lifetime_seconds: int
) -> None:
    """Let the browser keep a session; scripts cannot read it, other sites cannot post with it."""
    installed = _installation(request)
    answer.set_cookie(
        cookie_name(installed),
        token,
        max_age=lifetime_seconds,
        path="/",
        secure=installed.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(request: Request, answer: Response) -> None:
    """Let the browser forget its session."""
    installed = _installation(request)
    answer.delete_cookie(
        cookie_name(installed),
        path="/",
        secure=installed.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def csrf_token(session_id: UUID) -> str:
    """A token for the pages of one session; different each time, so that gzip tells nothing of it."""
    nonce = secrets.token_bytes(_NONCE)
    return urlsafe_b64encode(nonce + _signature(session_id, nonce)).decode()


def _signature(session_id: UUID, nonce: bytes) -> bytes:
    return keys().sign(_PURPOSE, session_id.bytes + nonce)


def is_csrf_token(token: str, session_id: UUID) -> bool:
    """Whether we made this token for this session."""
    try:
        raw = urlsafe_b64decode(token.encode())
    except ValueError:
        return False
    nonce, signature = raw[:_NONCE], raw[_NONCE:]
    return hmac.compare_digest(signature, _signature(session_id, nonce))


def check_origin(request: Request) -> None:
    """Raise RequestNotMeant unless the request comes from one of our own pages.

    Browsers name the origin of every request that may change something.
    """
    origin = request.headers.get("origin", "")
    own = {request.headers.get("host", ""), urlsplit(_installation(request).base_url).netloc}
    if urlsplit(origin).netloc not in own - {""}:
        raise RequestNotMeant


async def check_meant(request: Request, session_id: UUID) -> None:
    """Raise RequestNotMeant unless a request that relies on the cookie may change something."""
    if request.method in SAFE_METHODS:
        return
    check_origin(request)
    token = request.headers.get(CSRF_HEADER)
    if token is None and request.headers.get("content-type", "").startswith(_FORMS):
        token = str((await request.form()).get(CSRF_FIELD, ""))
    if not token or not is_csrf_token(token, session_id):
        raise RequestNotMeant
