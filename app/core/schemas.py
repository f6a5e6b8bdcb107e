"""Shapes shared by all request and answer models."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def printable(text: str) -> str:
    """The text; raises ValueError for control characters other than line breaks and tabs."""
    if any(ord(char) < 32 and char not in "\n\t" for char in text) or "\x7f" in text:
        raise ValueError("control characters are not allowed")
    return text


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(printable),
]
LongText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(printable),
]
OptionalText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=500),
    AfterValidator(printable),
]
Phone = Annotated[str, StringConstraints(pattern=r"^1[3-9][0-9]{9}$")]


class Request(BaseModel):
    """Base of request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=5000, allow_inf_nan=False)


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(from_attributes=True)
