"""Kinds of domain errors.

A domain error names a business fact (`CutoffPassed`) and knows no HTTP; `core/http.py` maps its
kind to a status. `code` is stable and part of the API; `title` is Chinese, for people.
"""

from collections.abc import Mapping
from typing import ClassVar


class AppError(Exception):
    """Base of all expected errors."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "操作未完成"

    def __init__(self, detail: str | None = None, **facts: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.facts: Mapping[str, object] = facts


class InvalidInput(AppError):
    """The request is well-formed but says something impossible."""

    code = "invalid_input"
    title = "填写的内容有误"


class NotAuthenticated(AppError):
    """No valid credentials."""

    code = "not_authenticated"
    title = "请先登录"


class Forbidden(AppError):
    """Known caller, not allowed."""

    code = "forbidden"
    title = "没有权限"


class NotFound(AppError):
    """Missing, or not visible to this caller: both look the same."""

    code = "not_found"
    title = "没有找到"


class Conflict(AppError):
    """The state of things does not allow it now."""

    code = "conflict"
    title = "当前状态不允许此操作"


class Unprocessable(AppError):
    """Right in itself, wrong against what was said before."""

    code = "unprocessable"
    title = "内容与之前的请求不一致"


class TooManyRequests(AppError):
    """Throttled; `facts["retry_after_seconds"]` says when to try again."""

    code = "too_many_requests"
    title = "操作过于频繁，请稍后再试"


class Unavailable(AppError):
    """Something we depend on does not answer; the same request may go through later."""

    code = "unavailable"
    title = "服务暂时不可用，请稍后再试"


class SetupError(Exception):
    """The installation cannot start; the message is one sentence with the mend."""
