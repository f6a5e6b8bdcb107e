"""How what is ordered is said in Chinese."""

from collections.abc import Mapping
from typing import Any

WEEKDAYS = "一二三四五六日"


def pattern_words(pattern: Mapping[str, Any]) -> str:
    """A pattern as the API writes it, in words: "每天 1 瓶", "周一、三、五 2 瓶"."""
    if pattern["kind"] != "weekdays":
        every = {1: "每天", 2: "隔天"}.get(
            pattern["interval_days"], f"每 {pattern['interval_days']} 天"
        )
        return f"{every} {pattern['quantity']} 瓶"
    counts: dict[int, list[str]] = {}
    for letter, count in zip(WEEKDAYS, pattern["quantities"], strict=True):
        if count:
            counts.setdefault(count, []).append(letter)
    return "，".join(f"周{'、'.join(days)} {count} 瓶" for count, days in counts.items())
