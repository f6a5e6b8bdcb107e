"""Templates: one environment, which escapes, knows the assets and the navigation."""

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.responses import HTMLResponse

from app.core.clock import BusinessClock
from app.identity.access import Principal
from app.identity.browser import CSRF_FIELD, csrf_token
from app.identity.models import Role
from app.web.common.assets import asset
from app.web.common.filters import FILTERS, exact, relative
from app.web.common.flash import clear_flash, read_flash
from app.web.common.registration import STAFF_FACE, Entry, Face, Pages

WEB = Path(__file__).parent.parent
ROLE_LABELS: Mapping[Role, str] = {
    Role.CUSTOMER: "顾客",
    Role.DELIVERER: "送奶员",
    Role.STATION_MANAGER: "站长",
    Role.REVIEWER: "审核员",
    Role.SERVICE_AGENT: "客服",
    Role.FINANCE: "财务",
    Role.QUALITY: "品控",
    Role.SCHOOL: "学校",
    Role.AUDITOR: "审计",
    Role.MANAGER: "运营经理",
    Role.ADMIN: "系统管理员",
}
_entries: list[Entry] = []
_faces: list[Face] = []


def use_pages(groups: Sequence[Pages]) -> None:
    """Make these groups the navigation, in this order, each with its face."""
    _entries[:] = [entry for pages in groups for entry in pages.entries]
    _faces[:] = [pages.face for pages in groups if pages.face is not None]


def face_of(path: str) -> Face:
    """How a page at a path looks."""
    return next((face for face in _faces if face.shows(path)), STAFF_FACE)


def entries_of(principal: Principal) -> list[Entry]:
    """What a caller's roles open, where their work begins first."""
    own = (entry for entry in _entries if principal.has(*entry.roles))
    return sorted(own, key=lambda entry: not principal.has(*entry.home_of))


@functools.cache
def environment() -> Environment:
    """Templates by `package/name.html`; an unknown name in a template is an error."""
    made = Environment(
        loader=PrefixLoader(
            {path.parent.name: FileSystemLoader(path) for path in sorted(WEB.glob("*/templates"))}
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.filters["json_data"] = json_data
    made.globals.update(asset=asset, exact=exact, relative=relative, role_labels=ROLE_LABELS)
    return made


def json_data(value: object) -> Markup:
    """JSON for a `<script type="application/json">`: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for letter, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704  # escaped above


def context_of(request: Request) -> dict[str, Any]:
    """What every template may use: `principal`, `navigation`, `csrf`, `now`, `flash`, `path`."""
    clock: BusinessClock = request.app.state.clock
    principal: Principal | None = getattr(request.state, "principal", None)
    return {
        "request": request,
        "path": request.url.path,
        "layout": face_of(request.url.path).layout,
        "now": clock.now(),
        "clock_speed": clock.speed,
        "principal": principal,
        "navigation": entries_of(principal) if principal is not None else [],
        "csrf": csrf_token(principal.session_id) if principal is not None else "",
        "csrf_field": CSRF_FIELD,
        "flash": read_flash(request),
    }


def render(
    request: Request, template: str | Template, /, *, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """A page, or a part of one for HTMX."""
    context = context_of(request)
    text = (
        environment().get_template(template).render(context | values | {"status_code": status_code})
    )
    answer = HTMLResponse(text, status_code=status_code)
    if context["flash"] is not None and not is_htmx(request):
        clear_flash(answer)
    return answer


def render_part(request: Request, template: str, /, **values: Any) -> str:
    """The text of a part of a page, for an event stream."""
    return environment().get_template(template).render(context_of(request) | values)


def is_htmx(request: Request) -> bool:
    """Whether HTMX asks, which wants a part and not a page."""
    return request.headers.get("hx-request") == "true"
