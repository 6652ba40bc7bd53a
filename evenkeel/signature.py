"""Signatures: that a bundle with its certificate came out of a gate that had the key.

Digests say that nothing was changed since; a signature says who sealed it. Ed25519 (RFC 8032) over the digests of
bundle and certificate, kept beside them. Where no key is configured, nothing is signed and nothing is asked for.
"""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from evenkeel.bundle import SIGNATURE, Bundle
from evenkeel.errors import SettingsError, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Signature(BaseModel):
    """Who signed, and the signature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["evenkeel.signature/v1"] = "evenkeel.signature/v1"
    key: str
    """First 16 hex digits of the sha256 of the public key's raw bytes."""
    signature: str
    """Base64."""


def sign(bundle: Bundle, private_key: Path) -> Signature:
    """Sign a certified bundle and write the signature beside its certificate.

    Raises GateError without a passing certificate, SettingsError where the file is no Ed25519 key.
    """
    key = _private(private_key)
    made = base64.b64encode(key.sign(_message(bundle))).decode()
    signature = Signature(key=_name(key.public_key()), signature=made)
    (bundle.folder / SIGNATURE).write_text(signature.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return signature


def require_signature(bundle: Bundle, public_keys: Path) -> Signature:
    """The signature, made by one of these keys over exactly this bundle and certificate. Raises SignatureError."""
    path = bundle.folder / SIGNATURE
    if not path.is_file():
        raise SignatureError(f"{bundle.folder}: has no {SIGNATURE}; who made it had no key: run the pipeline with one")
    try:
        signature = Signature.model_validate_json(path.read_bytes())
    except ValueError as exc:
        raise SignatureError(f"{path}: is not a signature: {exc}") from exc
    keys = {_name(key): key for key in _public(public_keys)}
    if signature.key not in keys:
        known = ", ".join(sorted(keys)) or "none"
        raise SignatureError(
            f"{path}: was signed with key {signature.key}, which {public_keys} does not hold ({known})"
        )
    _verify(keys[signature.key], signature, bundle)
    return signature


def _verify(key: "Ed25519PublicKey", signature: Signature, bundle: Bundle) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(signature.signature, validate=True), _message(bundle))
    except (InvalidSignature, ValueError) as exc:
        raise SignatureError(
            f"{bundle.folder}: its signature is for another bundle or certificate: do not serve it, find out who wrote"
            " there"
        ) from exc


def _message(bundle: Bundle) -> bytes:
    return f"evenkeel.signature/v1\n{bundle.digest}\n{bundle.require_certificate().digest}\n".encode()


def _name(key: "Ed25519PublicKey") -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _private(path: Path) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as exc:
        raise SettingsError(f"EVENKEEL_SIGNING_KEY {path}: cannot be read as a key in PEM: {exc}; {_HOW}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"EVENKEEL_SIGNING_KEY {path}: is not an Ed25519 key; {_HOW}")
    return key


def _public(place: Path) -> list["Ed25519PublicKey"]:
    """The keys of one file, or of a folder's *.pem: several, so that a new one comes before the old one goes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = []
    for path in sorted(place.glob("*.pem")) if place.is_dir() else [place]:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as exc:
            raise SettingsError(f"EVENKEEL_VERIFY_KEYS {path}: cannot be read as a public key in PEM: {exc}") from exc
        if not isinstance(key, Ed25519PublicKey):
            raise SettingsError(f"EVENKEEL_VERIFY_KEYS {path}: is not an Ed25519 key; {_HOW}")
        keys.append(key)
    return keys


_HOW = (
    "make one: openssl genpkey -algorithm ed25519 -out signing.pem; openssl pkey -in signing.pem -pubout -out key.pem"
)
