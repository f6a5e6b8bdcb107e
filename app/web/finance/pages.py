"""The pages of finance as one group."""

from app.core.unit import Router
from app.identity.models import Role
from app.web.common.registration import Entry, Pages
from app.web.finance import (
    balances,
    batches,
    bills,
    cash,
    days,
    differences,
    hand_ins,
    invoices,
    refunds,
    slips,
    statements,
)
from app.web.finance.rights import READERS
from app.web.finance.showing import HOME

router = Router(include_in_schema=False)


for group in (
    days,
    differences,
    refunds,
    hand_ins,
    slips,
    cash,
    batches,
    bills,
    invoices,
    statements,
    balances,
):
    router.include_router(group.router)

PAGES = Pages(
    "finance",
    router,
    entries=[
        Entry(
            "财务",
            HOME,
            icon="cash-coin",
            roles=frozenset(READERS),
            summary="日结、对账差异、退款审批、现金、发票、对账单",
            home_of=frozenset({Role.FINANCE}),
        ),
    ],
)
