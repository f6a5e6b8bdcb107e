"""Phone and content of a message, sealed in its row."""

import json
from collections.abc import Mapping
from uuid import UUID

from app.core.crypto import Cell
from app.core.runtime import keys
from app.notifications.models import SmsMessage


def _cell(column: str, message_id: UUID) -> Cell:
    return Cell("sms_messages", column, message_id)


def seal_phone(message_id: UUID, phone: str) -> bytes:
    """The phone for its row."""
    return keys().seal(phone, _cell("phone", message_id))


def seal_parameters(message_id: UUID, parameters: Mapping[str, str]) -> bytes:
    """The values for their row."""
    text = json.dumps(dict(parameters), ensure_ascii=False)
    return keys().seal(text, _cell("parameters", message_id))


def open_phone(message: SmsMessage) -> str:
    """The phone; empty after an erasure."""
    if not message.phone_sealed:
        return ""
    return keys().open(message.phone_sealed, _cell("phone", message.message_id))


def open_parameters(message: SmsMessage) -> dict[str, str]:
    """The values; empty after an erasure."""
    if not message.parameters_sealed:
        return {}
    plain = keys().open(message.parameters_sealed, _cell("parameters", message.message_id))
    values: dict[str, str] = json.loads(plain)
    return values
