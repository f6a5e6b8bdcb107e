"""Pages of this group: what all their templates may use."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.responses import HTMLResponse

from app.core.ids import public_single
from app.identity.access import Principal
from app.identity.models import Role
from app.kpi.api.callers import SEES_ALL
from app.web.common.templating import render
from app.web.manager import labels, words
from app.web.manager.asking import HOME

_FIGURES: Final = frozenset({*SEES_ALL, Role.STATION_MANAGER})


@dataclass(frozen=True, slots=True)
class Section:
    """One line of this group's navigation; `carries` says that scope and period go along."""

    label: str
    path: str
    icon: str
    roles: Collection[Role]
    more: Collection[str] = ()
    carries: bool = False

    def leads_to(self, path: str) -> bool:
        """Whether a page belongs to it."""
        under = [one for one in (self.path, *self.more) if one != HOME]
        return path == self.path or any(path == one or path.startswith(f"{one}/") for one in under)


SECTIONS: Final = (
    Section(
        "看板",
        HOME,
        icon="speedometer2",
        roles=_FIGURES,
        more=(f"{HOME}/kpi", f"{HOME}/kpis"),
        carries=True,
    ),
    Section("区块", f"{HOME}/blocks", icon="grid-3x3-gap", roles=_FIGURES, carries=True),
    Section("整改记录", f"{HOME}/findings", icon="clipboard-check", roles=_FIGURES),
    Section("月报", f"{HOME}/months", icon="calendar3", roles=_FIGURES),
    Section(
        "价目",
        f"{HOME}/terms",
        icon="tags",
        roles=(
            Role.ADMIN,
            Role.MANAGER,
            Role.FINANCE,
            Role.QUALITY,
            Role.SERVICE_AGENT,
            Role.AUDITOR,
        ),
    ),
    Section(
        "奶箱",
        f"{HOME}/boxes",
        icon="box-seam",
        roles=(
            Role.MANAGER,
            Role.SERVICE_AGENT,
            Role.AUDITOR,
            Role.DELIVERER,
            Role.STATION_MANAGER,
        ),
        more=(f"{HOME}/deposits",),
    ),
    Section("押金", f"{HOME}/deposits", icon="box-seam", roles=(Role.FINANCE,)),
)


def show(
    request: Request, template: str, /, *, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """A page or part of this group, with `words`, `labels`, `public_id` and its navigation."""
    caller: Principal | None = getattr(request.state, "principal", None)
    return render(
        request,
        f"manager/{template}",
        status_code=status_code,
        words=words,
        labels=labels,
        public_id=public_single,
        sections=[one for one in SECTIONS if caller is not None and caller.has(*one.roles)],
        **values,
    )
