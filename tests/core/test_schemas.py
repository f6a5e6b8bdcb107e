"""Texts as people send them, and as they are kept."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.schemas import LongText, OptionalText, ShortText

LONG: TypeAdapter[str] = TypeAdapter(LongText)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("车晚到\r\n雪大", "车晚到\n雪大"),
        ("  两行\n一行\r\n\r\n", "两行\n一行"),
        ("表\t格", "表\t格"),
        ("x\r\n" * 999 + "xx", "x\n" * 999 + "xx"),
    ],
)
def test_a_browsers_line_end_is_a_line_feed(sent: str, kept: str) -> None:
    assert LONG.validate_python(sent) == kept


@pytest.mark.parametrize(
    "sent",
    ["", " \r\n ", "x" * 2001, "a\x00b", "a\rb", "a\x1bb", "a\x7fb", "a\x85b", "a\ud800b", None, 7],
)
def test_what_is_no_text_is_refused(sent: object) -> None:
    with pytest.raises(ValidationError):
        LONG.validate_python(sent)


def test_one_line_has_no_line_ends() -> None:
    for short in (TypeAdapter[str](ShortText), TypeAdapter[str](OptionalText)):
        with pytest.raises(ValidationError):
            short.validate_python("a\r\nb")
