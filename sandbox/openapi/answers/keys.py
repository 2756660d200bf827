"""API keys and their use."""

from datetime import date

from pydantic import AwareDatetime, Field

from quantleap.domain.model import Model
from quantleap.domain.partner import KeyStatus, KeyTerms
from sandbox.openapi.answers.common import Answer


class Key(KeyTerms):
    """An API key; its secret is never shown again."""

    api_key_id: str
    api_key: str
    secret_version: int
    rotated_at: AwareDatetime | None
    status: KeyStatus
    revoked_at: AwareDatetime | None
    created_at: AwareDatetime
    last_used_on: date | None
    version: int
    old_secret_valid_until: AwareDatetime | None


class OwnKey(Key, Answer):
    """The calling key."""


class AdminKey(Key):
    """An API key, and who issued it."""

    created_by: str


class OneKey(AdminKey, Answer):
    """An API key."""


class Keys(Answer):
    """All keys, newest first."""

    partner_api_keys: tuple[AdminKey, ...]
    count: int


class IssuedKey(OneKey):
    """A key with its secret, shown this once; null where the answer is given again under an idempotency key."""

    api_secret: str | None
    warning: str


class UsageDay(Model):
    """A day of India's calendar."""

    date: date
    requests: int
    routes: dict[str, int]


class Usage(Answer):
    """A key's requests by day and route, newest day first."""

    api_key_id: str
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    requests: int
    last_used_at: AwareDatetime | None
    days: tuple[UsageDay, ...]
