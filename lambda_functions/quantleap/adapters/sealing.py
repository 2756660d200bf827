"""Sealing a text under a key: AES-256-GCM, bound to what the text belongs to.

A layout of 12 random bytes, then the ciphertext with its tag. A key seals one text only, so no nonce repeats.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class SealBroken(Exception):
    """What is stored was altered, or belongs to something else; nothing of it can be read."""


def seal(key: bytes, text: str, belongs_to: bytes) -> bytes:
    """Seal a text; only the same key and the same `belongs_to` open it."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), belongs_to)


def unseal(key: bytes, sealed: bytes, belongs_to: bytes) -> str:
    """Open what `seal` made; raises `SealBroken`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], belongs_to).decode()
    except (InvalidTag, ValueError):
        raise SealBroken("the seal is broken") from None
