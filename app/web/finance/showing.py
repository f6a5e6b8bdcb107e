"""Pages of this group: what all their templates may use."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.responses import HTMLResponse

from app.core.ids import public_single
from app.identity.access import Principal
from app.identity.models import Role
from app.web.common.forms import once_key
from app.web.common.templating import render

HOME: Final = "/finance"
ROWS_A_PAGE: Final = 30


@dataclass(frozen=True, slots=True)
class Section:
    """One line of this group's navigation."""

    label: str
    path: str
    icon: str

    def leads_to(self, path: str) -> bool:
        """Whether a page belongs to it."""
        return path == self.path or (self.path != HOME and path.startswith(f"{self.path}/"))


SECTIONS: Final = (
    Section("日结", HOME, icon="calendar-check"),
    Section("差异", f"{HOME}/differences", icon="layout-split"),
    Section("退款", f"{HOME}/refunds", icon="arrow-return-left"),
    Section("现金", f"{HOME}/cash", icon="cash-stack"),
    Section("对账单", f"{HOME}/statements", icon="journal-text"),
    Section("试算平衡", f"{HOME}/balances", icon="clipboard-data"),
    Section("发票", f"{HOME}/invoices", icon="receipt"),
)


def show(
    request: Request, template: str, /, *, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """A page or part of this group, with its navigation and whether the caller may act."""
    caller: Principal | None = getattr(request.state, "principal", None)
    return render(
        request,
        f"finance/{template}",
        status_code=status_code,
        sections=SECTIONS,
        may_act=caller is not None and caller.has(Role.FINANCE),
        once_key=once_key,
        public_id=public_single,
        **values,
    )
