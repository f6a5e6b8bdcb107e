"""Our texts pass the provider's review, and so does whatever is filled in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notifications.templates import KINDS, MAX_VALUE, get_kind, objections, provider_texts
from simulators.channels.aliyun_sms.templates import TemplateKind, Templates, kind_of, review

PROMISED = {
    "login_code": ("code",),
    "order_confirmed": ("order", "date"),
    "order_rejected": ("order", "reason"),
    "order_address_unclear": ("order",),
    "order_paid": ("order", "amount"),
    "refund_sent": ("order", "amount"),
    "refund_done": ("order", "amount"),
    "order_change": ("order", "what", "date"),
    "change_refused": ("order", "what", "amount"),
    "move_under_review": ("order",),
    "move_confirmed": ("order", "date", "until"),
    "move_awaits_box": ("order",),
    "move_rejected": ("order", "reason"),
    "change_recorded": ("order", "what", "site", "token", "until"),
    "milk_resumed": ("order", "date"),
    "renewal_reminder": ("order", "date"),
    "day_withdrawn": ("date", "reason", "new_end"),
    "day_withdrawn_credited": ("date", "reason", "amount"),
    "withdrawal_undone": ("date", "new_end"),
    "delivery_late": ("date", "until"),
    "delivery_failed": ("date", "reason"),
    "delivery_not_left": ("date", "reason"),
    "invoice_issued": ("order", "amount"),
    "invoice_rejected": ("order", "reason"),
    "ticket_received": ("ticket",),
    "ticket_closed": ("ticket", "site", "token"),
    "promotion": ("news", "until"),
    "ticket_answered": ("ticket",),
    "ticket_resolved": ("ticket", "site", "token"),
    "phone_order_link": ("order", "amount", "site", "token", "until"),
    "marketplace_claim": ("shop", "number", "site", "token", "until"),
    "offline_receipt": ("order", "amount", "receipt"),
}


def test_every_promised_text_is_there_with_its_variables() -> None:
    assert {code: template.variables for code, template in KINDS.items()} == PROMISED


@pytest.mark.parametrize("code", PROMISED)
def test_every_text_passes_review(code: str) -> None:
    template = get_kind(code)
    assert review(template.text) == []
    assert objections(template, template.text) == []
    counted = TemplateKind.NOTICE if template.category == "service" else template.category
    assert kind_of(template.text) == counted
    assert set(template.samples) == set(template.variables)
    assert template.provider_code == f"SMS_{code.upper()}"


def test_an_unknown_text_or_a_wrong_variable_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no SMS template"):
        get_kind("birthday")
    for wrong in ({}, {"order": "1"}, {"order": "1", "date": "2", "more": "3"}):
        with pytest.raises(ValueError, match="order_confirmed"):
            get_kind("order_confirmed").fit(wrong)


@given(st.text(max_size=80))
def test_whatever_is_filled_in_the_provider_takes_it(reason: str) -> None:
    fitted = get_kind("order_rejected").fit({"order": "A1", "reason": reason})
    assert 1 <= len(fitted["reason"]) <= MAX_VALUE
    registered = Templates(provider_texts()).get("SMS_ORDER_REJECTED")
    assert fitted["reason"] in registered.fill(json.dumps(fitted))
    assert "【" not in fitted["reason"]


def test_a_long_reason_is_cut_and_shows_it() -> None:
    fitted = get_kind("order_rejected").fit({"order": "A1", "reason": "远" * 60})
    assert fitted["reason"] == "远" * 34 + "…"
