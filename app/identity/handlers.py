"""Reactions of identity to events from below."""

from app.core.registration import Reaction

REACTIONS: list[Reaction] = []
