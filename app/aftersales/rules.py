"""Clocks of a ticket and the order of the queue (S1 4.5.2, 5.2.1; S2 3.4).

Two clocks, never mixed: the first answer by a person, and the handling. Both run on the wall, 24
hours a day, on weekends and holidays too: the hotline never closes (S1 4.5.1.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.aftersales.states import (
    CATEGORY_LABELS,
    KIND_LABELS,
    TicketCategory,
    TicketClass,
    TicketKind,
)
from app.core.clock import local_date


@dataclass(frozen=True, slots=True)
class SlaRule:
    """Promises from a date on: how long each clock may run, and when a ticket is escalated."""

    valid_from: date
    answer_within: timedelta
    handle_within: timedelta
    escalate_after: Mapping[TicketClass, timedelta]

    @property
    def escalation_leads(self) -> Mapping[TicketClass, timedelta]:
        """How long before the end of the handling clock each class is escalated."""
        return {
            severity: self.handle_within - after for severity, after in self.escalate_after.items()
        }


SLA_RULES = (
    SlaRule(
        valid_from=date(2020, 1, 1),
        answer_within=timedelta(hours=24),
        handle_within=timedelta(hours=24),
        escalate_after={
            TicketClass.GENERAL: timedelta(hours=20),
            TicketClass.MAJOR: timedelta(hours=12),
            TicketClass.URGENT: timedelta(hours=2),
        },
    ),
)
"""Newest last. The two 24 hours are the standard's; when to escalate is the operator's."""

AGENT_CREDIT_LIMIT_FEN = 50_00
"""Largest credit of one compensation that a service agent grants alone."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """When a ticket's clocks run out."""

    answer_due_at: datetime
    due_at: datetime


def sla_rule(on: date) -> SlaRule:
    """The rule in force on a date; the oldest one before its own beginning."""
    current = SLA_RULES[0]
    for rule in SLA_RULES:
        if rule.valid_from <= on:
            current = rule
    return current


def start_clocks(at: datetime) -> Clocks:
    """Both clocks of a ticket received at `at` (UTC)."""
    rule = sla_rule(local_date(at))
    return Clocks(answer_due_at=at + rule.answer_within, due_at=at + rule.handle_within)


def is_late(*, due_at: datetime, at: datetime) -> bool:
    """Whether `at` is past the end of a clock; the last instant is still in time."""
    return at > due_at


def queue_rank(*, severity: TicketClass, is_food_safety: bool) -> int:
    """Place in the queue before any due time: urgent and food safety first (S2 3.4)."""
    if is_food_safety or severity is TicketClass.URGENT:
        return 0
    return 1 if severity is TicketClass.MAJOR else 2


def subject_of(*, kind: TicketKind, category: TicketCategory, service_date: date | None) -> str:
    """Title of a ticket for lists, without a word of the customer's."""
    about = f"{KIND_LABELS[kind]}：{CATEGORY_LABELS[category]}"
    return about if service_date is None else f"{about}（{service_date.isoformat()}）"
