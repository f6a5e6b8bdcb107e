"""Who calls the endpoints of orders, and whose order it is."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from app.core.errors import NotFound
from app.core.ids import read_pair
from app.identity.access import Allow, Principal
from app.identity.models import Role

SEES_ORDERS = (Role.CUSTOMER, Role.SERVICE_AGENT, Role.REVIEWER, Role.FINANCE, Role.MANAGER)
OrderReader = Annotated[Principal, Depends(Allow(*SEES_ORDERS))]
OrderChanger = Annotated[Principal, Depends(Allow(Role.CUSTOMER, Role.SERVICE_AGENT))]


def own_order(caller: Principal, order_id: str) -> tuple[UUID, UUID]:
    """`(customer_id, order_id)` of a public id; a customer's own only, else NotFound."""
    customer_id, row_id = read_pair("ord", order_id)
    if caller.has(Role.CUSTOMER) and customer_id != caller.account_id:
        raise NotFound
    return customer_id, row_id
