"""Lists by cursor: `items` and `next_cursor`, stable under inserts."""

import base64
import binascii
import json
from datetime import date, datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel

from app.core.errors import InvalidInput

Item = TypeVar("Item")
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
FIRST_YEAR, LAST_YEAR = 1970, 2200


class BadCursor(InvalidInput):
    """The cursor is not one of ours."""

    code = "bad_cursor"
    title = "翻页标记无效，请从第一页开始"


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = None


class PageRequest:
    """What the caller asked for: a limit and a cursor made by `cursor_of`."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
    ) -> None:
        self.limit = limit
        self.after = None if cursor is None else _read(cursor)

    def after_instant(self) -> tuple[datetime, UUID] | None:
        """`(instant, id)` of a cursor made by `cursor_of(instant.isoformat(), id)`.

        Raises BadCursor for anything else, and for instants no row can have.
        """
        if self.after is None:
            return None
        try:
            said, row_id = self.after
            instant = datetime.fromisoformat(str(said))
            if instant.tzinfo is None or not FIRST_YEAR <= instant.year <= LAST_YEAR:
                raise BadCursor
            return instant, UUID(str(row_id))
        except ValueError as error:
            raise BadCursor from error

    def after_date(self) -> tuple[date, UUID] | None:
        """`(date, id)` of a cursor made by `cursor_of(date.isoformat(), id)`; raises BadCursor."""
        match self.after:
            case None:
                return None
            case [str() as first, str() as row_id]:
                try:
                    return date.fromisoformat(first), UUID(row_id)
                except ValueError as error:
                    raise BadCursor from error
        raise BadCursor

    def after_amount(self) -> tuple[int, UUID, UUID] | None:
        """`(amount, id, id)` of a cursor made by `cursor_of(amount, id, id)`; raises BadCursor."""
        match self.after:
            case None:
                return None
            case [int() as amount, str() as row_id, str() as second_id]:
                try:
                    return amount, UUID(row_id), UUID(second_id)
                except ValueError as error:
                    raise BadCursor from error
        raise BadCursor


PageDep = Annotated[PageRequest, Depends()]


def cursor_of(*keys: str | int) -> str:
    """Opaque cursor of the last row's sort keys."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def _read(cursor: str) -> list[str | int]:
    try:
        keys = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError, binascii.Error) as error:
        raise BadCursor from error
    if not isinstance(keys, list) or not all(_is_sort_key(key) for key in keys):
        raise BadCursor
    return keys


def _is_sort_key(key: object) -> bool:
    if isinstance(key, str):
        return key.isprintable()
    return isinstance(key, int) and not isinstance(key, bool) and abs(key) < 2**63
