"""What UnionPay says, and its signature with the certificate that goes along."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.unionpay.merchant import UnionPayMerchant
from simulators.channels.unionpay.models import REFUND, Txn
from simulators.channels.unionpay.signing import load_key, signature_of


class Signer:
    """Signs with UnionPay's key, or with one a test gives."""

    def __init__(self, merchant: UnionPayMerchant) -> None:
        self._key = load_key(merchant.platform_key_pem)
        self._certificate = merchant.platform_certificate_pem

    def signed(
        self, fields: Mapping[str, str], *, key: rsa.RSAPrivateKey | None = None
    ) -> dict[str, str]:
        """The fields with certificate and signature; empty ones fall away."""
        said = {name: value for name, value in fields.items() if value}
        said |= {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "signPubKeyCert": self._certificate,
        }
        return said | {"signature": signature_of(key or self._key, said)}


def facts_of(txn: Txn, *, mer_id: str) -> dict[str, str]:
    """What every message about a transaction says of it."""
    fen = txn.fen if txn.paid_fen is None else txn.paid_fen
    return {
        "merId": mer_id,
        "orderId": txn.order_id,
        "txnTime": txn.txn_time,
        "txnType": txn.kind,
        "txnSubType": "00" if txn.kind == REFUND else "01",
        "bizType": "000201",
        "accessType": "0",
        "txnAmt": str(fen),
        "currencyCode": "156",
        "settleAmt": str(fen),
        "settleCurrencyCode": "156",
        "settleDate": txn.txn_time[4:8],
        "traceNo": txn.query_id[-6:],
        "traceTime": txn.txn_time[4:],
        "queryId": txn.query_id,
        "origQryId": txn.orig_query_id,
        "reqReserved": txn.reserved,
    }
