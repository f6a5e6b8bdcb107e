"""Routes: the shell, its worker, its manifest."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from app.core.unit import Router
from app.identity.access import OPEN
from app.identity.models import Role
from app.web.common.assets import asset, fixed_file
from app.web.common.registration import Entry, Pages
from app.web.common.templating import render

SHELL = "/deliverer"
NO_CACHE = {"cache-control": "no-cache"}
ICON_SIZES = (192, 512)

router = Router(prefix=SHELL, include_in_schema=False)


@router.get("", dependencies=[OPEN])
async def shell(request: Request) -> Response:
    """The page without anybody's data: phones keep it, also after the session has ended."""
    answer = render(request, "deliverer/shell.html")
    answer.headers.update(NO_CACHE)
    return answer


@router.get("/sw.js", dependencies=[OPEN])
async def service_worker() -> Response:
    """The worker that keeps the shell."""
    return fixed_file("deliverer-sw.js", media_type="text/javascript", scope_path=SHELL)


@router.get("/manifest.webmanifest", dependencies=[OPEN])
async def web_manifest() -> Response:
    """What the phone puts on its home screen."""
    icons = [
        {
            "src": asset(f"deliverer-{size}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for size in ICON_SIZES
        for purpose in ("any", "maskable")
    ]
    content = {
        "id": SHELL,
        "name": "随心订 送奶员",
        "short_name": "送奶员",
        "description": "今日路线、送达登记、交接测温、线下订单；没有网络也能用",
        "lang": "zh-CN",
        "start_url": SHELL,
        "scope": SHELL,
        "display": "standalone",
        "orientation": "portrait",
        "background_color": "#0b4d7c",
        "theme_color": "#0b4d7c",
        "icons": icons,
    }
    return JSONResponse(content, media_type="application/manifest+json", headers=NO_CACHE)


PAGES = Pages(
    "deliverer",
    router,
    entries=[
        Entry(
            "送奶路线",
            SHELL,
            icon="signpost-2",
            roles=frozenset({Role.DELIVERER}),
            summary="今日路线、送达登记、交接测温、线下订单",
        )
    ],
)
