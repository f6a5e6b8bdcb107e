"""Refusals of the payment platform."""

from typing import Any


class WeChatError(Exception):
    """A refusal with its HTTP status and the platform's code."""

    def __init__(
        self, status: int, code: str, message: str, *, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def body(self) -> dict[str, Any]:
        """The JSON the platform answers."""
        answer: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            answer["detail"] = self.detail
        return answer


def sign_error(issue: str) -> WeChatError:
    """401 SIGN_ERROR with the issue found."""
    return WeChatError(
        401,
        "SIGN_ERROR",
        f"签名错误，请检查后再试：{issue}",
        detail={"field": "signature", "issue": issue, "location": "authorization"},
    )


def param_error(field: str, issue: str, *, location: str = "body") -> WeChatError:
    """400 PARAM_ERROR; `field` is a JSON pointer or the name of a query parameter."""
    return WeChatError(
        400,
        "PARAM_ERROR",
        f"参数错误：{field} {issue}",
        detail={"field": field, "issue": issue, "location": location},
    )


def invalid_request(message: str) -> WeChatError:
    """400 INVALID_REQUEST."""
    return WeChatError(400, "INVALID_REQUEST", message)
