"""Who looks at a page that is open to all: a household, or nobody known."""

from typing import Annotated

from fastapi import Depends, Request

from app.identity.access import Principal, find_visitor
from app.identity.models import AccountKind


async def find_household(request: Request) -> Principal | None:
    """The household behind the cookie; the page is then drawn as its own."""
    visitor = await find_visitor(request)
    if visitor is None or visitor.kind is not AccountKind.CUSTOMER:
        return None
    request.state.principal = visitor
    return visitor


Household = Annotated[Principal | None, Depends(find_household)]
Visitor = Annotated[Principal | None, Depends(find_visitor)]
