"""SQL for what a term brings, for the plan and any calendar.

A weekday pattern brings `weekday_quantities[isodow]`, an interval pattern its quantity on each date
that lies a whole number of intervals from its anchor, every other date 0.
"""


def due_quantity(term: str, on: str) -> str:
    """SQL for the bottles of a term (alias `term`) on a date that lies in it.

    NULL for a pattern that cannot be read (a missing weekday).
    """
    return (
        f"(CASE WHEN {term}.weekday_quantities IS NOT NULL"
        f" THEN {term}.weekday_quantities[extract(isodow FROM {on})::int]"
        f" WHEN ({on} - {term}.anchor_date) % {term}.interval_days = 0 THEN {term}.quantity"
        " ELSE 0 END)"
    )


def _times(first: str, step: str, until: str) -> str:
    """How many of `first`, `first + step`, … lie before `until`."""
    return f"greatest(0, ({until} - ({first}) + {step} - 1) / {step})"


def bottles_called(term: str, until: str) -> str:
    """SQL for the bottles of a term (alias `term`) from its first date to before `until`.

    `until` must not lie before the term. Closed form: nothing is counted day by day.
    """
    start = f"{term}.first_date"
    end = f"least(upper({term}.valid), {until})"
    step = f"{term}.interval_days"
    first = f"{start} + (({term}.anchor_date - {start}) % {step} + {step}) % {step}"
    weekdays = " + ".join(
        f"coalesce({term}.weekday_quantities[{day}], 0)"
        f" * {_times(f'{start} + ({day} - extract(isodow FROM {start})::int + 7) % 7', '7', end)}"
        for day in range(1, 8)
    )
    return (
        f"(CASE WHEN {term}.weekday_quantities IS NOT NULL THEN {weekdays}"
        f" ELSE {term}.quantity * {_times(first, step, end)} END)"
    )
