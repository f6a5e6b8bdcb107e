"""UnionPay's side of 5.1.0 signatures, written apart from the product's."""

import base64
import binascii
import functools
from collections.abc import Mapping
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def first_hash(form: Mapping[str, str]) -> str:
    """SHA-256 over the sorted fields, in lower-case hex: the text that is signed."""
    parts = [f"{name}={form[name]}" for name in sorted(form) if name != "signature" and form[name]]
    return sha256("&".join(parts).encode("utf-8")).hexdigest()


# loading checks the key, which takes some 40 ms
@functools.lru_cache(maxsize=16)
def load_key(pem: str) -> rsa.RSAPrivateKey:
    """An RSA private key from PEM; raises TypeError for another kind."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


@functools.lru_cache(maxsize=16)
def load_public(certificate_pem: str) -> tuple[rsa.RSAPublicKey, str]:
    """The key of a certificate and its decimal number; raises TypeError for another kind of key."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("not an RSA key")
    return key, str(certificate.serial_number)


def signature_of(key: rsa.RSAPrivateKey, form: Mapping[str, str]) -> str:
    """RSA over the hash's text, hashed once more; base64."""
    signed = key.sign(first_hash(form).encode(), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signed).decode()


def fits(key: rsa.RSAPublicKey, form: Mapping[str, str]) -> bool:
    """Whether a form's signature was made with the key's private half."""
    try:
        signature = base64.b64decode(form.get("signature", ""), validate=True)
        key.verify(signature, first_hash(form).encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
