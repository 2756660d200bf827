from datetime import timedelta

import pytest

from quantleap.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from quantleap.domain.ids import api_key_id
from quantleap.domain.model import parse
from quantleap.domain.partner import (
    Environment,
    KeyStatus,
    PartnerKey,
    PartnerKeyChange,
    PartnerKeyDraft,
    Permission,
    RateLimits,
    Rotation,
    UsageFilter,
)
from quantleap.services import partner_keys
from tests.builders import NINE_TWENTY, Clock, a_key, counting
from tests.fakes import FakeHasher, FakePartnerKeys, FakeRateBuckets

FIRM = {"partner_id": "zebu", "partner_name": "Zebu Securities", "broker_id": "zebu"}
DRAFT = parse(PartnerKeyDraft, FIRM)


def issue(keys: FakePartnerKeys, draft: PartnerKeyDraft = DRAFT) -> partner_keys.Issued:
    return partner_keys.create(keys, FakeHasher(), Clock(), counting(), counting(), "admin", draft)


def test_a_new_key_has_the_documented_format() -> None:
    issued = issue(FakePartnerKeys(), DRAFT.model_copy(update={"environment": Environment.LIVE}))

    assert issued.key.api_key == "pk_zebu_live_" + "1".zfill(32)
    assert issued.secret == "sk_zebu_live_" + "1".zfill(48)


def test_of_the_secret_only_the_hash_is_kept() -> None:
    keys = FakePartnerKeys()

    issued = issue(keys)

    stored = keys.get(api_key_id(issued.key.api_key))
    assert stored.secret_hash == f"hash of {issued.secret}"
    assert (stored.created_by, stored.created_at) == ("admin", NINE_TWENTY)


def test_a_key_may_not_be_over_before_it_begins() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        issue(FakePartnerKeys(), DRAFT.model_copy(update={"expires_at": NINE_TWENTY}))

    assert list(refusal.value.details) == ["expires_at"]


def test_a_revoked_key_stays_in_the_list_as_revoked() -> None:
    keys = FakePartnerKeys(a_key())

    partner_keys.revoke(keys, Clock(), "key_zebu")

    assert [key.status for key in partner_keys.every(keys)] == [KeyStatus.REVOKED]
    assert partner_keys.one(keys, "key_zebu").revoked_at == NINE_TWENTY


def test_revoking_twice_changes_nothing() -> None:
    keys, clock = FakePartnerKeys(a_key()), Clock()
    first = partner_keys.revoke(keys, clock, "key_zebu")
    clock.passes(days=1)

    assert partner_keys.revoke(keys, clock, "key_zebu") == first


def test_an_unknown_key_cannot_be_revoked() -> None:
    with pytest.raises(NotFound):
        partner_keys.revoke(FakePartnerKeys(), Clock(), "key_none")


def change(key: PartnerKey, **fields: object) -> PartnerKey:
    keys = FakePartnerKeys(key)
    return partner_keys.change(keys, Clock(), key.api_key_id, parse(PartnerKeyChange, fields))


def test_what_a_change_leaves_out_stays() -> None:
    was = a_key(rate_limits=RateLimits(requests_per_minute=10, requests_per_day=20), partner_name="Zebu")

    changed = change(was, rate_limits={"requests_per_minute": 100}, permissions=["marketplace:read"])

    assert changed.rate_limits == RateLimits(requests_per_minute=100, requests_per_day=20)
    assert changed.permissions == {Permission.MARKETPLACE_READ}
    assert changed.version == was.version + 1
    kept = {"rate_limits", "permissions", "version"}
    assert changed.model_dump(exclude=kept) == was.model_dump(exclude=kept)


def test_an_expiry_may_be_taken_away_and_set_but_not_in_the_past() -> None:
    was = a_key(expires_at=NINE_TWENTY + timedelta(days=1))

    assert change(was, expires_at=None).expires_at is None
    assert change(was).expires_at == was.expires_at
    with pytest.raises(InvalidRequest):
        change(was, expires_at=NINE_TWENTY)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"permissions": None}, "permissions"),
        ({"partner_id": "acme"}, "partner_id"),
        ({"environment": "live"}, "environment"),
        ({"revenue_share": {"partner_percentage": 40}}, "revenue_share"),
        ({"allowed_ips": ["nowhere"]}, "allowed_ips[0]"),
        ({"partner_name": " \n "}, "partner_name"),
    ],
)
def test_a_change_that_makes_no_sense_is_named(fields: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        change(a_key(), **fields)

    assert list(refusal.value.details) == [path]


def test_a_new_key_registers_no_address_until_it_is_told_some() -> None:
    assert parse(PartnerKeyDraft, FIRM).redirect_urls == ()
    assert issue(FakePartnerKeys()).key.redirect_urls == ()


@pytest.mark.parametrize(
    ("environment", "addresses", "path"),
    [
        ("test", ["http://portal.example/back"], "redirect_urls[0]"),
        ("test", ["https://portal.example/back#part"], "redirect_urls[0]"),
        ("test", ["https://user@portal.example/"], "redirect_urls[0]"),
        ("test", ["https://*.portal.example/"], "redirect_urls[0]"),
        ("test", ["https://portal.example/" + "a" * 500], "redirect_urls[0]"),
        ("test", ["https://portal.example/back", "javascript:alert(1)"], "redirect_urls[1]"),
        ("test", ["https://portal.example/back"] * 2, "redirect_urls"),
        ("test", [f"https://portal.example/{each}" for each in range(21)], "redirect_urls"),
        ("test", "https://portal.example/back", "redirect_urls"),
        ("test", None, "redirect_urls"),
        ("live", ["http://localhost:3000/back"], "redirect_urls"),
        ("live", ["https://portal.example/back", "https://portal.corp/back"], "redirect_urls"),
        ("live", ["https://10.0.0.7/back"], "redirect_urls"),
    ],
)
def test_an_address_that_no_login_may_return_to_is_not_registered(
    environment: str, addresses: object, path: str
) -> None:
    with pytest.raises(InvalidRequest) as drafted:
        parse(PartnerKeyDraft, {**FIRM, "environment": environment, "redirect_urls": addresses})
    with pytest.raises(InvalidRequest) as changed:
        change(a_key(environment=environment), redirect_urls=addresses)

    assert list(drafted.value.details) == list(changed.value.details) == [path]


def test_a_developers_machine_is_registered_for_a_test_key() -> None:
    here = "http://localhost:3000/back"

    assert parse(PartnerKeyDraft, {**FIRM, "redirect_urls": [here]}).redirect_urls == (here,)
    assert change(a_key(), redirect_urls=[here]).redirect_urls == (here,)


def test_a_key_from_before_the_list_stays_open_until_it_has_one() -> None:
    old = a_key(redirect_urls=None)

    assert change(old, partner_name="Zebu").redirect_urls is None
    assert change(old, redirect_urls=[]).redirect_urls == ()
    assert change(a_key(), partner_name="Zebu").redirect_urls == a_key().redirect_urls


def rotate(keys: FakePartnerKeys, hours: int) -> partner_keys.Issued:
    return partner_keys.rotate(keys, FakeHasher(), Clock(), counting(), "key_zebu", Rotation(overlap_hours=hours))


def test_a_rotated_key_keeps_its_old_secret_for_the_overlap() -> None:
    keys = FakePartnerKeys(a_key())

    issued = rotate(keys, 2)

    stored = keys.get("key_zebu")
    soon, late = NINE_TWENTY + timedelta(hours=1), NINE_TWENTY + timedelta(hours=2)
    assert dict(stored.secrets_at(soon)) == {2: f"hash of {issued.secret}", 1: a_key().secret_hash}
    assert dict(stored.secrets_at(late)) == {2: f"hash of {issued.secret}"}


def test_without_an_overlap_the_old_secret_stops_at_once() -> None:
    keys = FakePartnerKeys(a_key())

    rotate(keys, 0)

    with pytest.raises(Unauthenticated) as refusal:
        keys.get("key_zebu").require_secret("1", NINE_TWENTY)
    assert refusal.value.reason == "secret_rotated"
    keys.get("key_zebu").require_secret("2", NINE_TWENTY)


def test_of_two_rotations_only_the_last_secret_but_one_stays() -> None:
    keys = FakePartnerKeys(a_key())
    rotate(keys, 168)
    rotate(keys, 168)

    assert [version for version, _ in keys.get("key_zebu").secrets_at(NINE_TWENTY)] == [3, 2]


def test_a_revoked_key_gets_no_new_secret() -> None:
    with pytest.raises(Conflict) as refusal:
        rotate(FakePartnerKeys(a_key().revoked(NINE_TWENTY)), 1)

    assert refusal.value.reason == "invalid_state"


@pytest.mark.parametrize("hours", [-1, 169, 1.5])
def test_an_overlap_is_whole_hours_up_to_a_week(hours: float) -> None:
    with pytest.raises(InvalidRequest):
        parse(Rotation, {"overlap_hours": hours})


def test_nobody_may_be_named_like_the_platform() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(PartnerKeyDraft, {"partner_id": "QuantLeap", "partner_name": "Us", "broker_id": "zebu"})

    assert refusal.value.details == {"partner_id": "quantleap is the platform itself"}


def test_usage_covers_the_days_asked_for_today_among_them() -> None:
    buckets, clock = FakeRateBuckets(), Clock()
    for _ in range(3):
        buckets.count("key_zebu", RateLimits(), "GET /partner/me", clock())
        clock.passes(days=1)
    clock.passes(days=-1)

    found = partner_keys.usage(FakePartnerKeys(a_key()), buckets, clock, "key_zebu", UsageFilter(days=2))

    assert [day.day.day for day in found.days] == [25, 24]
    assert (found.first.day, found.last.day) == (24, 25)
