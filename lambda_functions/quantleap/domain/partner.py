"""Partners: broker firms, their API keys and what a key may do."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Annotated, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from quantleap.domain.broker_id import BrokerId
from quantleap.domain.clock import Instant
from quantleap.domain.errors import Conflict, Forbidden, InvalidRequest, Unauthenticated
from quantleap.domain.ids import Randomness
from quantleap.domain.model import NUMBER, READABLE, Digits, Model, Sent, Whole, merged
from quantleap.domain.urls import PublicUrl, RegisteredAddress, is_public

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PLATFORM = "quantleap"
"""Who users without a partner belong to."""
RESERVED = {PLATFORM}
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


def _not_reserved(value: str) -> str:
    if value in RESERVED:
        raise ValueError(f"{value} is the platform itself")
    return value


def _each_once(value: object) -> object:
    """A set by itself would forget that something was written twice."""
    if isinstance(value, list) and len({str(each) for each in value}) < len(value):
        raise ValueError("Must not repeat")
    return value


PartnerId = Annotated[str, AfterValidator(_partner_word)]
Permissions = Annotated[frozenset[Permission], BeforeValidator(_each_once)]
Network = Annotated[str, AfterValidator(_network)]
RedirectUrls = Annotated[tuple[RegisteredAddress, ...], Field(max_length=20), BeforeValidator(_each_once)]
FirmName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=80), READABLE]
Percentage = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2), NUMBER]


class RateLimits(Model):
    """How often a key may ask."""

    requests_per_minute: Whole = Field(default=60, ge=1, le=6000)
    requests_per_day: Whole = Field(default=10_000, ge=1, le=10_000_000)


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

    show_platform_branding: StrictBool = True
    custom_logo_url: Annotated[PublicUrl, Field(max_length=500)] | None = None


def _within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks; a text that is no address lies in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in ip_network(network) for network in networks)


class KeyTerms(Sent):
    """What was decided about a key.

    `redirect_urls` is None in keys that were issued before the list was kept, and in no others. Such a key takes any
    address that its environment may have, or its users' logins would stop with a release; its first list ends that.
    """

    partner_id: Annotated[PartnerId, AfterValidator(_not_reserved)]
    partner_name: FirmName
    partner_type: str = Field(default="BROKER", pattern=r"^[A-Z_]{2,24}$")
    broker_id: BrokerId
    environment: Environment = Environment.TEST
    permissions: Permissions = frozenset(Permission)
    rate_limits: RateLimits = RateLimits()
    revenue_share: RevenueShare = RevenueShare()
    branding: Branding = Branding()
    allowed_ips: tuple[Network, ...] = Field(default=(), max_length=50)
    redirect_urls: RedirectUrls | None = None
    expires_at: Instant | None = None

    @field_validator("redirect_urls")
    @classmethod
    def _of_the_world_where_live(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if info.data.get("environment") is Environment.LIVE and not all(map(is_public, value or ())):
            raise ValueError("Write addresses with a public name; others serve test keys only")
        return value


class PartnerKeyDraft(KeyTerms):
    """What an admin decides about a new key; without `redirect_urls` no login of its users names where to return to."""

    redirect_urls: RedirectUrls = ()


class PartnerKeyChange(Sent):
    """What an admin may change of a key; what is left out stays, `null` takes an expiry away.

    Whose key it is and what it reaches stay as they were issued.
    """

    partner_name: FirmName | None = None
    permissions: Permissions | None = None
    rate_limits: RateLimits | None = None
    revenue_share: RevenueShare | None = None
    branding: Branding | None = None
    allowed_ips: tuple[Network, ...] | None = Field(default=None, max_length=50)
    redirect_urls: RedirectUrls | None = None
    expires_at: Instant | None = None


class Rotation(Sent):
    """For how long the old secret works beside the new one; with 0 it stops at once."""

    overlap_hours: Whole = Field(default=24, ge=0, le=168)


class UsageFilter(Sent):
    """How many days of usage, today's among them."""

    days: Digits = Field(default=30, ge=1, le=366)


class OldSecret(Model):
    """The secret before the last rotation, and until when it still works."""

    secret_hash: str = Field(repr=False)
    valid_until: datetime


class PartnerKey(KeyTerms, defer_build=False):
    """A key as stored; of its secrets only the bcrypt hashes, and those never leave.

    `secret_version` counts rotations; a request says which secret the authorizer saw, so one that has run out stops
    at once, whatever the gateway remembers.
    """

    api_key_id: str
    api_key: str
    secret_hash: str = Field(repr=False)
    secret_version: int = Field(default=1, ge=1)
    old_secret: OldSecret | None = None
    rotated_at: datetime | None = None
    status: KeyStatus = KeyStatus.ACTIVE
    created_by: str
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_on: date | None = None
    version: int = Field(default=1, ge=1)

    @property
    def tenant(self) -> Tenant:
        """Whose data the key reaches."""
        return Tenant(self.partner_id, self.environment)

    def require_address(self, source_ip: str) -> None:
        """Refuse an address that is not on the key's list, where it has one."""
        if self.allowed_ips and not _within(source_ip, self.allowed_ips):
            raise Forbidden("This address is not on the key's allowlist", code="ip_not_allowed")

    def require_redirect(self, address: str) -> None:
        """Refuse to let a login return to an address that is not registered for the key, letter for letter."""
        if self.redirect_urls is not None and address not in self.redirect_urls:
            fix = (
                "Not among the key's redirect_urls, letter for letter; ask an administrator of QuantLeap to register it"
            )
            raise InvalidRequest({"redirect_url": fix}, code="redirect_url_not_registered")

    def require_alive(self, at: datetime) -> None:
        """Refuse a key that was revoked or has run out."""
        if self.status is not KeyStatus.ACTIVE:
            raise Unauthenticated("The API key was revoked", code="key_revoked")
        if self.expires_at is not None and at >= self.expires_at:
            raise Unauthenticated("The API key has expired", code="key_expired")

    def secrets_at(self, at: datetime) -> Iterator[tuple[int, str]]:
        """The secrets that work at that time, by version and hash, the newest first."""
        yield self.secret_version, self.secret_hash
        if self.old_secret is not None and at < self.old_secret.valid_until:
            yield self.secret_version - 1, self.old_secret.secret_hash

    def require_secret(self, version: str | None, at: datetime) -> None:
        """Refuse a request that was let in with a secret that no longer works."""
        if version not in {str(number) for number, _ in self.secrets_at(at)}:
            raise Unauthenticated("The API secret was replaced", code="secret_rotated")

    def require(self, permission: Permission) -> None:
        """Refuse what the key was not given, naming it."""
        if permission not in self.permissions:
            raise Forbidden(f"The API key lacks the permission {permission}")

    def changed(self, change: PartnerKeyChange) -> Self:
        """The key as an admin changed it; raises `InvalidRequest`."""
        was = {name: value for name, value in dict(self).items() if name in KeyTerms.model_fields}
        plain = KeyTerms.model_validate(was).model_dump()
        terms = PartnerKeyDraft if "redirect_urls" in change.model_fields_set else KeyTerms
        return self.model_copy(update={**dict(merged(terms, plain, change)), "version": self.version + 1})

    def rotated(self, secret_hash: str, overlap: timedelta, at: datetime) -> Self:
        """The key under a new secret; the one before the old stops in any case."""
        if self.status is KeyStatus.REVOKED:
            raise Conflict("A revoked key has no secret to replace", code="invalid_state")
        old = OldSecret(secret_hash=self.secret_hash, valid_until=at + overlap) if overlap else None
        changes = {
            "secret_hash": secret_hash,
            "secret_version": self.secret_version + 1,
            "old_secret": old,
            "rotated_at": at,
            "version": self.version + 1,
        }
        return self.model_copy(update=changes)

    def reissued(self, secret_hash: str) -> Self:
        """The key under another secret, as if the one before, which nobody was told, had never been."""
        return self.model_copy(update={"secret_hash": secret_hash, "version": self.version + 1})

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
