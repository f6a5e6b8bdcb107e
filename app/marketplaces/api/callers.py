"""Who may do what about marketplaces."""

from typing import Annotated

from fastapi import Depends, Path

from app.identity.access import Allow, Principal
from app.identity.models import Role

Keeper = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]
SecretKeeper = Annotated[Principal, Depends(Allow(Role.ADMIN))]
Mapper = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER, Role.ADMIN))]
Agent = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER))]
Reader = Annotated[
    Principal,
    Depends(
        Allow(
            Role.SERVICE_AGENT,
            Role.REVIEWER,
            Role.FINANCE,
            Role.MANAGER,
            Role.ADMIN,
            Role.AUDITOR,
        )
    ),
]
ShopCode = Annotated[str, Path(max_length=40)]
ExternalId = Annotated[str, Path(max_length=80)]
