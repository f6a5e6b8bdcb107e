"""Pages of this group: what all their templates may use."""

from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse

from app.core.ids import public_single
from app.web.common.templating import render
from app.web.manager import labels, words


def show(
    request: Request, template: str, /, *, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """A page or part of this group, with `words`, `labels` and `public_id`."""
    return render(
        request,
        f"manager/{template}",
        status_code=status_code,
        words=words,
        labels=labels,
        public_id=public_single,
        **values,
    )
