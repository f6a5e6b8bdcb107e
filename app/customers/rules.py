"""Pure rules of customers: how personal data is shown."""

from app.identity.rules import mask_phone

MAX_ADDRESSES = 20
NAMELESS = "顾客"


def mask_name(name: str | None) -> str:
    """王**: the first character, and nothing about the length."""
    shown = (name or "").strip()
    return f"{shown[0]}**" if shown else NAMELESS


def building_text(*, district: str, street: str, house_no: str, compound: str) -> str:
    """An address down to the building, which is as far as it is shown by default."""
    number = f"{house_no}号" if house_no and house_no[-1].isdigit() else house_no
    return "".join(part for part in (district, street, number, compound) if part)


__all__ = ["MAX_ADDRESSES", "NAMELESS", "building_text", "mask_name", "mask_phone"]
