"""Who presents a key and its secret: a partner we know, or nobody."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from quantleap.domain.clock import Clock
from quantleap.domain.errors import NotFound, Unauthenticated
from quantleap.domain.ids import api_key_id
from quantleap.domain.partner import KEY_LENGTH, SECRET_LENGTH, PartnerKey
from quantleap.domain.ports import PartnerKeys, SecretHasher

_NAME = r"[a-z][a-z0-9]{1,23}_(?:test|live)_"
_BEARER = re.compile(rf"(?i:Bearer) (pk_{_NAME}[0-9A-Za-z]{{{KEY_LENGTH}}})")
_SECRET = re.compile(rf"sk_{_NAME}[0-9A-Za-z]{{{SECRET_LENGTH}}}")


class Presented(NamedTuple):
    """What a caller says it is, well-formed and unproven."""

    api_key: str
    secret: str


class Remembered:
    """Secrets verified by this process, as digests under a key that dies with it: bcrypt runs once for each."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._digests: dict[str, bytes] = {}

    def knows(self, stored: str, secret: str) -> bool:
        """Whether this very secret was verified against this very hash."""
        return hmac.compare_digest(self._digests.get(stored, b""), self._digest(secret))

    def learn(self, stored: str, secret: str) -> None:
        """Remember a secret that was verified."""
        self._digests[stored] = self._digest(secret)

    def _digest(self, secret: str) -> bytes:
        return hmac.digest(self._key, secret.encode(), hashlib.sha256)


def presented(headers: Mapping[str, Sequence[str]]) -> Presented:
    """Read the two headers, each exactly once and exactly as issued; anything else is nobody."""
    found = {name.lower(): list(values) for name, values in headers.items()}
    match found.get("authorization"), found.get("x-partner-secret"):
        case [[authorization], [secret]] if _SECRET.fullmatch(secret):
            bearer = _BEARER.fullmatch(authorization)
            if bearer is not None:
                return Presented(bearer[1], secret)
        case _:
            pass
    raise Unauthenticated("Send 'Authorization: Bearer pk_...' and 'X-Partner-Secret: sk_...', each once")


class Proven(NamedTuple):
    """A key whose secret was shown, and which of its secrets it was."""

    key: PartnerKey
    secret_version: int


def authenticate(
    keys: PartnerKeys, hasher: SecretHasher, remembered: Remembered, clock: Clock, who: Presented
) -> Proven:
    """The key, if the secret is its own and it lives; else `Unauthenticated`, in the same words for every cause."""
    now = clock()
    try:
        key = keys.get(api_key_id(who.api_key))
        key.require_alive(now)
    except (NotFound, Unauthenticated):
        raise Unauthenticated("Invalid API key or secret") from None
    return Proven(key, _version(hasher, remembered, list(key.secrets_at(now)), who.secret))


def _version(hasher: SecretHasher, remembered: Remembered, stored: Sequence[tuple[int, str]], secret: str) -> int:
    """Which of a key's secrets was shown; what is remembered is asked first, for hashing costs 75 ms."""
    for version, hashed in stored:
        if remembered.knows(hashed, secret):
            return version
    for version, hashed in stored:
        if hasher.matches(secret, hashed):
            remembered.learn(hashed, secret)
            return version
    raise Unauthenticated("Invalid API key or secret")
