"""The same errors as the API's, shown to people: a page, a part for HTMX, or the way to the login."""

from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from app.core.http import Problem
from app.web.common.templating import face_of, is_htmx, render

_NEVER_NEXT = ("/login", "/enter", "/logout")
_TITLES = {
    403: "没有权限",
    404: "没有找到这个页面",
    405: "不支持的操作",
    413: "提交的内容过大",
    422: "填写的内容有误",
    500: "系统出错了",
    503: "服务暂时不可用",
}
_HINTS = {
    403: "您的账号不能打开这个页面。如需开通，请联系系统管理员。",
    404: "地址可能有误，或内容已不存在。",
    409: "页面打开后情况有了变化，请刷新后再试。",
    422: "请返回检查填写的内容。",
    429: "请稍等片刻再试。",
    500: "我们已记录这个问题。请稍后再试；若一直出现，请把请求编号告诉管理员。",
    503: "请稍后再试。",
}
_FIELD_ERRORS = {
    "missing": "必填",
    "string_too_short": "太短",
    "string_too_long": "太长",
    "string_pattern_mismatch": "格式不正确",
    "int_parsing": "请填整数",
    "int_from_float": "请填整数",
    "decimal_parsing": "请填数字",
    "float_parsing": "请填数字",
    "date_from_datetime_parsing": "日期不正确",
    "date_parsing": "日期不正确",
    "enum": "请选择一项",
    "literal_error": "请选择一项",
    "greater_than": "太小",
    "greater_than_equal": "太小",
    "less_than": "太大",
    "less_than_equal": "太大",
}
"""Kinds of pydantic's errors in words of people."""


def own_path(text: str | None) -> str:
    """A path of ours to go on to; "/" for anything that leads elsewhere."""
    given = text or "/"
    parts = urlsplit(given)
    own = (
        given.startswith("/")
        and not given.startswith(("//", "/\\"))
        and given.isprintable()
        and "\\" not in given
        and not parts.netloc
        and not parts.scheme
        and parts.path not in _NEVER_NEXT
    )
    return given if own else "/"


def login_address(next_path: str) -> str:
    """The login page that goes on to a path of ours."""
    target = own_path(next_path)
    login = face_of(urlsplit(target).path).login
    return login if target == "/" else f"{login}?{urlencode({'next': target})}"


def field_error(code: str) -> str:
    """A kind of validation error in words."""
    return _FIELD_ERRORS.get(code, "填写有误")


def wants_page(request: Request) -> bool:
    """Whether a person looks: a browser's navigation or HTMX, and not the API."""
    if request.url.path.startswith("/api/"):
        return False
    return is_htmx(request) or "text/html" in request.headers.get("accept", "")


def problem_page(scope: Scope, problem: Problem) -> Response | None:
    """A problem for people; None for callers that want JSON."""
    request = Request(scope)
    if not wants_page(request):
        return None
    if problem.status == HTTPStatus.UNAUTHORIZED and not is_htmx(request):
        return RedirectResponse(login_address(_page_of(request)), status_code=303)
    return render(
        request,
        "common/problem_part.html" if is_htmx(request) else "common/problem.html",
        status_code=problem.status,
        problem=problem,
        heading=_heading(problem),
        hint=_HINTS.get(problem.status, ""),
        errors=[
            (error.field.rpartition(".")[2], field_error(error.code)) for error in problem.errors
        ],
    )


def _heading(problem: Problem) -> str:
    spoken = any(letter > "\u2e80" for letter in problem.title)
    return problem.title if spoken else _TITLES.get(problem.status, "操作未完成")


def _page_of(request: Request) -> str:
    """The page the person sees: of a form, the one it stood on."""
    if request.method in {"GET", "HEAD"}:
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{request.url.path}{query}"
    referrer = urlsplit(request.headers.get("referer", ""))
    if referrer.netloc != request.headers.get("host"):
        return "/"
    return f"{referrer.path}?{referrer.query}" if referrer.query else referrer.path
