from datetime import timedelta
from typing import Any

import pytest

from quantleap.domain.errors import Forbidden, InvalidRequest, Unauthenticated
from quantleap.domain.model import parse
from quantleap.domain.partner import PartnerKeyDraft, Permission, Tenant
from tests.builders import NINE_TWENTY, ZEBU, a_key

DRAFT = {"partner_id": "ZEBU", "partner_name": "Zebu Securities", "broker_id": "ZEBU"}


def test_a_partner_is_named_in_lower_case_and_gets_every_permission_unless_told() -> None:
    draft = parse(PartnerKeyDraft, DRAFT)

    assert (draft.partner_id, draft.permissions) == ("zebu", frozenset(Permission))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"partner_id": "z"}, "partner_id"),
        ({"partner_id": "ze_bu"}, "partner_id"),
        ({"allowed_ips": ["203.0.113.10", "nowhere"]}, "allowed_ips[1]"),
        ({"revenue_share": {"platform_percentage": 70, "partner_percentage": 31}}, "revenue_share"),
        ({"permissions": ["everything"]}, "permissions[0]"),
        ({"expires_at": "2026-12-01T00:00:00"}, "expires_at"),
        ({"branding": {"custom_logo_url": "http://plain"}}, "branding.custom_logo_url"),
        ({"rate_limits": {"requests_per_minute": 0}}, "rate_limits.requests_per_minute"),
        ({"permissions": ["revenue:read", "revenue:read"]}, "permissions"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(PartnerKeyDraft, {**DRAFT, **change})

    assert list(refusal.value.details) == [path]


def test_a_tenant_reads_what_it_wrote() -> None:
    assert Tenant.of(ZEBU.key) == ZEBU


def test_a_living_key_is_admitted_from_anywhere_unless_addresses_are_listed() -> None:
    a_key().require_address("198.51.100.7")


@pytest.mark.parametrize("ip", ["203.0.113.10", "2001:db8::1", "198.51.100.200"])
def test_listed_addresses_and_networks_are_admitted(ip: str) -> None:
    key = a_key(allowed_ips=("203.0.113.10", "198.51.100.128/25", "2001:db8::/32"))

    key.require_address(ip)


@pytest.mark.parametrize("ip", ["203.0.113.11", "::1", "", "test-invoke-source-ip"])
def test_other_addresses_are_not(ip: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        a_key(allowed_ips=("203.0.113.10",)).require_address(ip)

    assert refusal.value.reason == "ip_not_allowed"


def test_a_revoked_key_is_nobody_and_stays_so() -> None:
    revoked = a_key().revoked(NINE_TWENTY)

    with pytest.raises(Unauthenticated):
        revoked.require_alive(NINE_TWENTY)
    assert revoked.revoked(NINE_TWENTY + timedelta(days=1)) is revoked


def test_a_key_lives_up_to_its_end() -> None:
    key = a_key(expires_at=NINE_TWENTY)

    key.require_alive(NINE_TWENTY - timedelta(seconds=1))
    with pytest.raises(Unauthenticated) as refusal:
        key.require_alive(NINE_TWENTY)

    assert refusal.value.reason == "key_expired"


def test_a_missing_permission_is_named() -> None:
    key = a_key(permissions=frozenset({Permission.MARKETPLACE_READ}))

    key.require(Permission.MARKETPLACE_READ)
    with pytest.raises(Forbidden, match="marketplace:subscribe"):
        key.require(Permission.MARKETPLACE_SUBSCRIBE)


def test_a_printed_key_shows_no_hash() -> None:
    assert "hash" not in repr(a_key())
