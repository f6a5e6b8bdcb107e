"""The use cases of marketplaces, cut by noun; other packages import from here."""

from app.marketplaces.service.claiming import ClaimView, claim_by_link, view_claim
from app.marketplaces.service.claiming_links import get_claim_text, make_claim_link
from app.marketplaces.service.deciding import accept, refuse
from app.marketplaces.service.placing import process_order
from app.marketplaces.service.pulling import pull_shop, reread_day
from app.marketplaces.service.pushing import Push, take_push
from app.marketplaces.service.receiving import Intake, enqueue_processing, receive

__all__ = [
    "ClaimView",
    "Intake",
    "Push",
    "accept",
    "claim_by_link",
    "enqueue_processing",
    "get_claim_text",
    "make_claim_link",
    "process_order",
    "pull_shop",
    "receive",
    "refuse",
    "reread_day",
    "take_push",
    "view_claim",
]
