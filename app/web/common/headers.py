"""What every answer says to the browser about itself."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    # Not `no-referrer`: with that, browsers send `Origin: null` along with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
_COMPRESSED_ELSEWHERE = ("/api/", "/static/", "/metrics", "/healthz", "/readyz")


class BrowserHeaders:
    """Pure ASGI, so that event streams flow: policy headers on all, gzip on pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzipped = GZipMiddleware(app, minimum_size=800, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        plain = scope["path"].startswith(_COMPRESSED_ELSEWHERE)
        await (self._app if plain else self._gzipped)(scope, receive, send_marked)
