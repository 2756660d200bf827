"""Partners: broker firms, their API keys and what a key may do."""

import re
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from quantleap.domain.errors import Forbidden, Unauthenticated
from quantleap.domain.ids import Randomness
from quantleap.domain.model import Model

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_LENGTH = 32
SECRET_LENGTH = 48


class Environment(StrEnum):
    """Whether a key reaches real brokers; `test` never does."""

    TEST = "test"
    LIVE = "live"


class Permission(StrEnum):
    """What a key may be allowed to do."""

    MARKETPLACE_READ = "marketplace:read"
    MARKETPLACE_SUBSCRIBE = "marketplace:subscribe"
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    BROKER_ACCOUNTS_WRITE = "broker_accounts:write"
    EXECUTIONS_READ = "executions:read"
    REVENUE_READ = "revenue:read"
    WEBHOOKS_WRITE = "webhooks:write"


class KeyStatus(StrEnum):
    """A revoked key never works again."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"


class Tenant(NamedTuple):
    """A partner in one environment; everything it brings belongs to this pair."""

    partner_id: str
    environment: Environment

    @property
    def key(self) -> str:
        """`zebu#test`, as stored."""
        return f"{self.partner_id}#{self.environment}"

    @classmethod
    def of(cls, key: str) -> Self:
        """Read what `key` wrote."""
        partner_id, environment = key.split("#")
        return cls(partner_id, Environment(environment))


def _partner_word(value: str) -> str:
    lower = value.lower()
    if not re.fullmatch(r"[a-z][a-z0-9]{1,23}", lower):
        raise ValueError("Write 2 to 24 letters and digits, starting with a letter")
    return lower


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        example = "203.0.113.10 or 203.0.113.0/28"
        raise ValueError(f"Write an IPv4 or IPv6 address or CIDR, such as {example}") from None


PartnerId = Annotated[str, AfterValidator(_partner_word)]
Network = Annotated[str, AfterValidator(_network)]
Percentage = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]


class RateLimits(Model):
    """How often a key may ask."""

    requests_per_minute: int = Field(default=60, ge=1, le=6000)
    requests_per_day: int = Field(default=10_000, ge=1, le=10_000_000)


class RevenueShare(Model):
    """Percentages of the fee; the two make 100."""

    platform_percentage: Percentage = Decimal(70)
    partner_percentage: Percentage = Decimal(30)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.platform_percentage + self.partner_percentage != Decimal(100):
            raise ValueError("platform_percentage and partner_percentage must add up to 100")
        return self


class Branding(Model):
    """How the marketplace looks in the partner's portal."""

    show_platform_branding: bool = True
    custom_logo_url: str | None = Field(default=None, max_length=500, pattern=r"^https://")


def _within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks; a text that is no address lies in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in ip_network(network) for network in networks)


class PartnerKeyDraft(Model):
    """What an admin decides about a key."""

    partner_id: PartnerId
    partner_name: str = Field(min_length=2, max_length=80)
    partner_type: str = Field(default="BROKER", pattern=r"^[A-Z_]{2,24}$")
    broker_id: PartnerId
    environment: Environment = Environment.TEST
    permissions: frozenset[Permission] = frozenset(Permission)
    rate_limits: RateLimits = RateLimits()
    revenue_share: RevenueShare = RevenueShare()
    branding: Branding = Branding()
    allowed_ips: tuple[Network, ...] = Field(default=(), max_length=50)
    expires_at: AwareDatetime | None = None


class PartnerKey(PartnerKeyDraft):
    """A key as stored; of the secret only the bcrypt hash, and that never leaves."""

    api_key_id: str
    api_key: str
    secret_hash: str = Field(repr=False)
    status: KeyStatus = KeyStatus.ACTIVE
    created_by: str
    created_at: datetime
    revoked_at: datetime | None = None
    version: int = Field(default=1, ge=1)

    @property
    def tenant(self) -> Tenant:
        """Whose data the key reaches."""
        return Tenant(self.partner_id, self.environment)

    def admit(self, at: datetime, source_ip: str) -> None:
        """Let a request in, or say why not."""
        self.require_alive(at)
        if self.allowed_ips and not _within(source_ip, self.allowed_ips):
            raise Forbidden("This address is not on the key's allowlist", code="ip_not_allowed")

    def require_alive(self, at: datetime) -> None:
        """Refuse a key that was revoked or has run out."""
        if self.status is not KeyStatus.ACTIVE:
            raise Unauthenticated("The API key was revoked", code="key_revoked")
        if self.expires_at is not None and at >= self.expires_at:
            raise Unauthenticated("The API key has expired", code="key_expired")

    def require(self, permission: Permission) -> None:
        """Refuse what the key was not given, naming it."""
        if permission not in self.permissions:
            raise Forbidden(f"The API key lacks the permission {permission}")

    def revoked(self, at: datetime) -> Self:
        """The key, dead from now on; revoking twice changes nothing."""
        if self.status is KeyStatus.REVOKED:
            return self
        changes = {"status": KeyStatus.REVOKED, "revoked_at": at, "version": self.version + 1}
        return self.model_copy(update=changes)


def new_api_key(partner_id: str, environment: Environment, draw: Randomness) -> str:
    """The public half: `pk_zebu_test_` and 32 characters."""
    return f"pk_{partner_id}_{environment}_{draw(ALPHANUMERIC, KEY_LENGTH)}"


def new_secret(partner_id: str, environment: Environment, draw: Randomness) -> str:
    """The private half: `sk_zebu_test_` and 48 characters, 285 bits."""
    return f"sk_{partner_id}_{environment}_{draw(ALPHANUMERIC, SECRET_LENGTH)}"
