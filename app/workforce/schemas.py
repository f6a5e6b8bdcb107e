"""Shapes of the workforce's endpoints."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from app.core.schemas import Answer, Request, ShortText

EmployeeNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
PersonName = Annotated[ShortText, Field(max_length=50)]


class DelivererIn(Request):
    """A new deliverer of a station."""

    employee_no: EmployeeNumber
    name: PersonName
    station: Annotated[str, Field(max_length=40)]


class DelivererChange(Request):
    """What may change on a deliverer; what is absent stays."""

    name: PersonName | None = None
    station: Annotated[str, Field(max_length=40)] | None = None
    is_active: bool | None = None


class DelivererOut(Answer):
    """A deliverer."""

    id: str
    employee_no: str
    name: str
    station: str | None
    is_active: bool
    created_at: datetime
