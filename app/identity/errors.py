"""What can go wrong with accounts and logins."""

from app.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    TooManyRequests,
)


class PhoneInvalid(InvalidInput):
    """Not a telephone number of the mainland."""

    code = "phone_invalid"
    title = "电话号码不正确"


class LoginFailed(NotAuthenticated):
    """Unknown login, wrong password or closed account: all look the same."""

    code = "login_failed"
    title = "账号或密码不正确"


class LoginCodeRefused(NotAuthenticated):
    """Wrong, used, expired or worn-out SMS code: all look the same."""

    code = "login_code_refused"
    title = "验证码不正确或已失效"


class RefreshRefused(NotAuthenticated):
    """The refresh token is unknown, expired, or was used before."""

    code = "refresh_refused"
    title = "登录已失效，请重新登录"


class RequestNotMeant(Forbidden):
    """A request by cookie that another site may have caused, or from a page of an older session."""

    code = "request_not_meant"
    title = "页面已过期，请刷新后重试"


class Throttled(TooManyRequests):
    """Too many in too short a time; facts carry `retry_after_seconds`."""

    code = "throttled"


class PasswordTooWeak(InvalidInput):
    """Too short, too common, or easily guessed from the login."""

    code = "password_too_weak"
    title = "密码过于简单：至少 12 个字符，且不是常见密码"


class StaffUnknown(NotFound):
    """No such member of staff."""

    code = "staff_unknown"
    title = "没有找到该员工"


class LoginTaken(Conflict):
    """Another member of staff has this login."""

    code = "login_taken"
    title = "该登录名已被使用"


class RolesInvalid(InvalidInput):
    """The roles do not fit staff, or lack their station or deliverer."""

    code = "roles_invalid"
    title = "角色与奶站或送奶员不匹配"


class LastAdmin(Conflict):
    """Nobody would be left to administer the staff."""

    code = "last_admin"
    title = "至少要保留一名管理员"
