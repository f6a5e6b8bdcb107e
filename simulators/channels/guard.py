"""Who may use the control API and the pages: people and tests on this very machine."""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Endpoint = Callable[[Request], Awaitable[Response]]


def is_loopback(host: str | None) -> bool:
    """Whether a host is `localhost` or a loopback address."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_local_name(host: str | None, *, base_url: str) -> bool:
    # a name without a dot cannot be a public one, so a page elsewhere cannot be pointed at us
    return host is not None and (
        is_loopback(host) or "." not in host or host == urlsplit(base_url).hostname
    )


def _from_another_site(request: Request) -> bool:
    if request.method in {"GET", "HEAD"}:
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def loopback_only(endpoint: Endpoint, *, base_url: str) -> Endpoint:
    """Answer 403 unless the caller, the address used and the sending page are local."""

    async def guarded(request: Request) -> Response:
        client = request.client.host if request.client else None
        if (
            not is_loopback(client)
            or not _is_local_name(request.url.hostname, base_url=base_url)
            or _from_another_site(request)
        ):
            return JSONResponse({"code": "LOOPBACK_ONLY"}, status_code=403)
        return await endpoint(request)

    return guarded
