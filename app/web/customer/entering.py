"""Logging in with a code that an SMS brings; the first login opens the account."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from app.core.db import Database
from app.core.errors import AppError
from app.core.http import status_of
from app.core.unit import Router
from app.identity import service
from app.identity.access import OPEN, ClockDep
from app.identity.browser import check_origin, set_session_cookie
from app.identity.errors import LoginCodeRefused, PhoneInvalid, Throttled
from app.identity.rules import mask_phone
from app.identity.schemas import client_host
from app.web.common.flash import see_other
from app.web.common.problems import own_path
from app.web.common.templating import is_htmx, render
from app.web.customer.visitors import Visitor

router = Router(prefix="/enter", include_in_schema=False, dependencies=[OPEN])
Phone = Annotated[str, Form(max_length=40)]
Code = Annotated[str, Form(max_length=12)]
Next = Annotated[str, Form(alias="next", max_length=2000)]


@router.get("")
async def show_form(
    request: Request,
    visitor: Visitor,
    next_path: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """The form; whoever is logged in goes on."""
    target = own_path(next_path)
    if visitor is not None:
        return RedirectResponse(target, status_code=303)
    return _form(request, next_path=target)


def _form(
    request: Request,
    *,
    next_path: str,
    phone: str = "",
    request_id: str = "",
    error: AppError | None = None,
) -> Response:
    answer = render(
        request,
        "customer/enter.html",
        status_code=200 if error is None else status_of(error),
        next_path=next_path,
        phone=phone,
        request_id=request_id,
        error=error,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/code")
async def ask_for_code(request: Request, phone: Phone = "", next_path: Next = "/") -> Response:
    """Send a code; the answer does not tell whether the phone is known. Raises RequestNotMeant."""
    check_origin(request)
    database: Database = request.app.state.database
    try:
        ticket = await service.issue_code(database, phone=phone, client_host=client_host(request))
    except (PhoneInvalid, Throttled) as error:
        if not is_htmx(request):
            return _form(request, next_path=own_path(next_path), phone=phone, error=error)
        return render(
            request,
            "customer/enter_code_part.html",
            status_code=status_of(error),
            error=error,
            request_id="",
            sent_to="",
        )
    request_id = str(ticket.request_id)
    if not is_htmx(request):
        return _form(request, next_path=own_path(next_path), phone=phone, request_id=request_id)
    return render(
        request,
        "customer/enter_code_part.html",
        error=None,
        request_id=request_id,
        sent_to=mask_phone(phone.strip()),
    )


@router.post("")
async def log_in(
    request: Request,
    visitor: Visitor,
    clock: ClockDep,
    phone: Phone = "",
    code: Code = "",
    request_id: Annotated[str, Form(max_length=40)] = "",
    next_path: Next = "/",
) -> Response:
    """Start a session; a script that asks for JSON stays on its page. Raises RequestNotMeant."""
    check_origin(request)
    database: Database = request.app.state.database
    by_script = "application/json" in request.headers.get("accept", "")
    target = own_path(next_path)
    try:
        tokens = await service.log_in_by_code(
            database,
            request_id=_asked(request_id),
            phone=phone,
            code=code.strip(),
            client_host=client_host(request),
            now=clock.now(),
            in_browser=True,
        )
    except (LoginCodeRefused, PhoneInvalid, Throttled) as error:
        if by_script:
            raise
        return _form(request, next_path=target, phone=phone, request_id=request_id, error=error)
    if visitor is not None:
        async with database.transaction() as session:
            await service.end_session(
                session, account_id=visitor.account_id, session_id=visitor.session_id
            )
    answer: Response = JSONResponse({"status": "ok"}) if by_script else see_other(target)
    set_session_cookie(
        request,
        answer,
        token=tokens.access_token,
        lifetime_seconds=tokens.refresh_expires_in_seconds,
    )
    return answer


def _asked(text: str) -> UUID:
    """The number of the code's request; raises LoginCodeRefused where no code was asked for."""
    try:
        return UUID(text)
    except ValueError as error:
        raise LoginCodeRefused from error
