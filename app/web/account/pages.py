"""Routes: login, logout, first page, the API's documentation."""

from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app.core.clock import wall_now
from app.core.db import Database
from app.core.errors import AppError
from app.core.http import status_of
from app.core.unit import Router
from app.identity import service
from app.identity.access import OPEN, STAFF, Allow, AnyCaller, Principal, find_visitor
from app.identity.browser import (
    check_origin,
    clear_session_cookie,
    csrf_token,
    set_session_cookie,
)
from app.identity.errors import LoginFailed, Throttled
from app.identity.models import Role
from app.identity.schemas import client_host
from app.web.common.flash import see_other
from app.web.common.problems import own_path
from app.web.common.registration import Pages
from app.web.common.templating import entries_of, render

router = Router(include_in_schema=False)
LONGEST_LOGIN = 64
LONGEST_PASSWORD = 200
Visitor = Annotated[Principal | None, Depends(find_visitor)]
Staff = Annotated[Principal, Depends(Allow(*STAFF, Role.SCHOOL))]


@router.get("/work")
async def first_page(request: Request, caller: Staff) -> Response:
    """The pages of a member of staff's roles; straight on where there is one, or the roles' own."""
    entries = entries_of(caller)
    homes = [entry for entry in entries if caller.has(*entry.home_of)]
    if len(entries) == 1 or (len(homes) == 1 and caller.roles <= homes[0].home_of):
        return RedirectResponse(entries[0].path, status_code=303)
    return render(request, "account/home.html", entries=entries)


@router.get("/login", dependencies=[OPEN])
async def login_page(
    request: Request,
    visitor: Visitor,
    next_path: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """The form; whoever is logged in goes on."""
    target = own_path(next_path)
    if visitor is not None:
        return RedirectResponse(target, status_code=303)
    return render(request, "account/login.html", next_path=target, login="", error=None)


@router.post("/login", dependencies=[OPEN])
async def log_in(
    request: Request,
    visitor: Visitor,
    login: Annotated[str, Form(max_length=LONGEST_LOGIN)] = "",
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
    next_path: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Start a session; a script that asks for JSON stays on its page and gets the new token.

    An earlier session of this browser ends. Raises RequestNotMeant.
    """
    check_origin(request)
    database: Database = request.app.state.database
    target, by_script = own_path(next_path), _asks_for_json(request)
    try:
        tokens = await service.log_in_staff(
            database,
            login=login,
            password=password,
            client_host=client_host(request),
            in_browser=True,
        )
    except (LoginFailed, Throttled) as error:
        if by_script:
            raise
        return _form_again(request, error, login=login, next_path=target)
    if visitor is not None:
        await _end(database, visitor)
    answer: Response = see_other(target)
    if by_script:
        answer = JSONResponse({"status": "ok"})
    set_session_cookie(
        request,
        answer,
        token=tokens.access_token,
        lifetime_seconds=tokens.refresh_expires_in_seconds,
    )
    return answer


@router.post("/logout")
async def log_out(request: Request, caller: AnyCaller) -> Response:
    """End the session; what a phone has stored and not sent yet stays on it."""
    await _end(request.app.state.database, caller)
    login = "/" if caller.has(Role.CUSTOMER) else "/login"
    answer = see_other(login, flash="已退出登录")
    clear_session_cookie(request, answer)
    return answer


@router.get("/session")
async def current_session(caller: AnyCaller) -> dict[str, object]:
    """Who is logged in, and a token for requests that change something: for pages kept offline."""
    return {
        "account_id": str(caller.account_id),
        "display_name": caller.display_name,
        "roles": sorted(caller.roles),
        "csrf_token": csrf_token(caller.session_id),
        "server_at": wall_now().isoformat(),
    }


@router.get("/docs", dependencies=[OPEN])
async def api_documentation(request: Request) -> HTMLResponse:
    """The API, to read and to try."""
    return render(request, "account/docs.html")


async def _end(database: Database, caller: Principal) -> None:
    async with database.transaction() as session:
        await service.end_session(
            session, account_id=caller.account_id, session_id=caller.session_id
        )


def _asks_for_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _form_again(request: Request, error: AppError, *, login: str, next_path: str) -> Response:
    answer = render(
        request,
        "account/login.html",
        status_code=status_of(error),
        next_path=next_path,
        login=login,
        error=error,
    )
    if "retry_after_seconds" in error.facts:
        answer.headers["Retry-After"] = str(error.facts["retry_after_seconds"])
    return answer


PAGES = Pages("account", router)
