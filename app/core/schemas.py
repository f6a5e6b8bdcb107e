"""Shapes shared by all request and answer models."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

MOST_FIELDS = 200


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

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, given: Any) -> Any:
        # One complaint instead of one per unknown field: those would hold the process for seconds.
        if isinstance(given, dict) and len(given) > MOST_FIELDS:
            raise PydanticCustomError("too_many_fields", "No request has that many fields")
        return given


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(from_attributes=True)
