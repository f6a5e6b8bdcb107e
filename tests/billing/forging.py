"""Messages of the platform written by hand: genuine ones, and those of somebody else."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulators.channels.wechat.platform import SigningKey
from simulators.channels.wechat.signing import SCHEME, answer_text, encrypt, new_nonce, sign
from tests.fixtures.payments import Payments


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it goes over the wire."""

    body: bytes
    headers: dict[str, str]


def sign_letter(
    payments: Payments,
    body: bytes,
    *,
    key: SigningKey | None = None,
    at: datetime | None = None,
) -> Letter:
    """Sign a body with the platform's key, or with another."""
    chosen = key or payments.simulator.platform.for_notification()
    timestamp, nonce = str(int((at or datetime.now(UTC)).timestamp())), new_nonce()
    signature = sign(chosen.key, answer_text(timestamp=timestamp, nonce=nonce, body=body))
    return Letter(
        body,
        {
            "Content-Type": "application/json",
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": chosen.serial,
            "Wechatpay-Signature-Type": SCHEME,
        },
    )


def write_letter(
    payments: Payments,
    resource: dict[str, Any],
    *,
    event_type: str = "TRANSACTION.SUCCESS",
    event_id: str | None = None,
    key: SigningKey | None = None,
    at: datetime | None = None,
    apiv3_key: str | None = None,
) -> Letter:
    """A signed and encrypted message with this content."""
    nonce = new_nonce(12)
    kind = "refund" if event_type.startswith("REFUND") else "transaction"
    envelope = {
        "id": event_id or secrets.token_hex(16),
        "create_time": "2026-03-15T10:00:00+08:00",
        "event_type": event_type,
        "resource_type": "encrypt-resource",
        "summary": "支付成功",
        "resource": {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "associated_data": kind,
            "nonce": nonce,
            "ciphertext": encrypt(
                apiv3_key=apiv3_key or payments.simulator.credentials.merchant.apiv3_key,
                nonce=nonce,
                associated_data=kind,
                plain=json.dumps(resource).encode(),
            ),
        },
    }
    return sign_letter(payments, json.dumps(envelope).encode(), key=key, at=at)


def paid_view(payments: Payments, out_trade_no: str, /, **changed: Any) -> dict[str, Any]:
    """What the platform would say of a paid order, with some of it changed."""
    orders = payments.simulator.desk.orders
    return orders.view(orders.get(out_trade_no)) | changed
