"""Shapes shared by all request and answer models."""

from typing import Annotated, Any
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

MOST_FIELDS = 200


def printable(text: str) -> str:
    """The text; raises ValueError for control characters other than line breaks and tabs."""
    if any(category(char) == "Cc" and char not in "\n\t" for char in text):
        raise ValueError("control characters are not allowed")
    return text


def plain_lines(given: object) -> object:
    """Line breaks as browsers send them from a text field, as we keep them."""
    return given.replace("\r\n", "\n") if isinstance(given, str) else given


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(printable),
]
LongText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    BeforeValidator(plain_lines),
    AfterValidator(printable),
]
"""Some paragraphs, of lines that end in a line feed; a browser's line end counts as one character."""
OptionalText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=500),
    AfterValidator(printable),
]
Phone = Annotated[str, StringConstraints(pattern=r"^1[3-9][0-9]{9}$")]


class Strict(BaseModel):
    """Base of parts of bodies whose number of fields is looked at by whoever reads them."""

    model_config = ConfigDict(extra="forbid", str_max_length=5000, allow_inf_nan=False)


class Request(Strict):
    """Base of request bodies: unknown fields are refused."""

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
