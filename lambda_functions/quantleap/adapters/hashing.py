"""Partner secrets as bcrypt keeps them."""

import base64
import hashlib

import bcrypt

COST = 10
"""Doublings of the work: about 75 ms on a core, as the seeds' security model asks; the hot path never pays it."""


class BcryptHasher:
    """bcrypt over a digest of the secret: bcrypt reads 72 bytes, a long partner name makes a longer secret."""

    def hash(self, secret: str) -> str:
        """A salted hash to store."""
        return bcrypt.hashpw(_digest(secret), bcrypt.gensalt(COST)).decode()

    def matches(self, secret: str, stored: str) -> bool:
        """Whether the secret is the one that was hashed, in constant time."""
        return bcrypt.checkpw(_digest(secret), stored.encode())


def _digest(secret: str) -> bytes:
    """44 bytes without a NUL, which bcrypt would stop at."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest())
