"""Reactions of customers to events from below."""

from app.core.registration import Reaction

REACTIONS: list[Reaction] = []
