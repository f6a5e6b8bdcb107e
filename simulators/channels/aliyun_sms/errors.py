"""Refusals of the provider."""


class GatewayError(Exception):
    """A request refused at the door, with an HTTP status and the gateway's code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class SmsRefused(Exception):
    """A send refused by a business rule; the provider answers it with HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def not_signed(issue: str) -> GatewayError:
    """400 SignatureDoesNotMatch."""
    text = f"Specified signature is not matched with our calculation. {issue}"
    return GatewayError(400, "SignatureDoesNotMatch", text)
