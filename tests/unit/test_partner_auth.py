from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from quantleap.adapters.hashing import BcryptHasher
from quantleap.domain.errors import Unauthenticated
from quantleap.domain.ids import api_key_id
from quantleap.domain.partner import OldSecret, PartnerKey
from quantleap.services.partner_auth import Presented, Remembered, authenticate, presented
from tests.builders import NINE_TWENTY, Clock, a_key
from tests.fakes import FakeHasher, FakePartnerKeys

KEY = "pk_zebu_test_" + "k" * 32
SECRET = "sk_zebu_test_" + "s" * 48
WHO = Presented(KEY, SECRET)


def replace(keys: FakePartnerKeys, key: PartnerKey) -> None:
    """As another process changed it."""
    keys.held[key.api_key_id] = key


def held(**changes: object) -> PartnerKey:
    return a_key(api_key_id=api_key_id(KEY), **changes)


def headers(authorization: str = f"Bearer {KEY}", secret: str = SECRET) -> dict[str, list[str]]:
    return {"Authorization": [authorization], "X-Partner-Secret": [secret]}


def test_the_two_headers_are_read_whatever_the_case_of_their_names() -> None:
    lower = {name.lower(): values for name, values in headers().items()}

    assert presented(headers()) == presented(lower) == WHO


def test_the_scheme_may_be_written_in_any_case_the_key_may_not() -> None:
    assert presented(headers(f"bearer {KEY}")) == WHO
    with pytest.raises(Unauthenticated):
        presented(headers(f"Bearer {KEY.upper()}"))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Authorization": [f"Bearer {KEY}"]},
        {"X-Partner-Secret": [SECRET]},
        headers(KEY),
        headers("Basic " + KEY),
        headers(f"Bearer  {KEY}"),
        headers(f"Bearer {KEY}\n"),
        headers(f"Bearer {KEY}, Bearer {KEY}"),
        headers(secret=SECRET + "s"),
        headers(secret=SECRET[:-1] + "é"),
        headers(secret=SECRET[:-1] + "\u0663"),
        headers(secret="s" * 10_000),
        headers("x" * 10_000),
        headers("", ""),
        {"Authorization": [f"Bearer {KEY}"] * 2, "X-Partner-Secret": [SECRET]},
        {"Authorization": [f"Bearer {KEY}"], "X-Partner-Secret": [SECRET, SECRET]},
        {"Authorization": [], "X-Partner-Secret": []},
    ],
)
def test_anything_but_two_well_formed_headers_is_nobody(sent: Mapping[str, Sequence[str]]) -> None:
    with pytest.raises(Unauthenticated):
        presented(sent)


def test_the_right_secret_leads_to_the_key() -> None:
    key = held()

    assert authenticate(FakePartnerKeys(key), FakeHasher(), Remembered(), Clock(), WHO) == (key, 1)


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        (None, SECRET),
        (held(), SECRET[:-1] + "x"),
        (held().revoked(NINE_TWENTY), SECRET),
        (held(expires_at=NINE_TWENTY), SECRET),
    ],
)
def test_every_refusal_sounds_the_same(key: PartnerKey | None, secret: str) -> None:
    keys = FakePartnerKeys(*([key] if key else []))

    with pytest.raises(Unauthenticated) as refusal:
        authenticate(keys, FakeHasher(), Remembered(), Clock(), Presented(KEY, secret))

    assert (refusal.value.message, refusal.value.reason) == ("Invalid API key or secret", "invalid_credentials")


def test_a_warm_process_hashes_once_and_still_reads_the_key_each_time() -> None:
    keys, hasher, remembered = FakePartnerKeys(held()), FakeHasher(), Remembered()

    for _ in range(3):
        authenticate(keys, hasher, remembered, Clock(), WHO)

    assert (hasher.checks, keys.reads) == (1, 3)


def test_a_wrong_secret_is_not_let_in_by_what_is_remembered() -> None:
    keys, remembered = FakePartnerKeys(held()), Remembered()
    authenticate(keys, FakeHasher(), remembered, Clock(), WHO)

    with pytest.raises(Unauthenticated):
        authenticate(keys, FakeHasher(), remembered, Clock(), Presented(KEY, SECRET[:-1] + "x"))


def test_a_remembered_secret_is_forgotten_when_the_hash_changes() -> None:
    keys, remembered = FakePartnerKeys(held()), Remembered()
    authenticate(keys, FakeHasher(), remembered, Clock(), WHO)
    replace(keys, held(secret_hash="hash of another"))

    with pytest.raises(Unauthenticated):
        authenticate(keys, FakeHasher(), remembered, Clock(), WHO)


def test_a_key_that_runs_out_while_remembered_is_turned_away() -> None:
    keys, remembered, clock = FakePartnerKeys(held(expires_at=NINE_TWENTY + timedelta(1))), Remembered(), Clock()
    authenticate(keys, FakeHasher(), remembered, clock, WHO)
    clock.passes(days=1)

    with pytest.raises(Unauthenticated):
        authenticate(keys, FakeHasher(), remembered, clock, WHO)


OLD = OldSecret(secret_hash=f"hash of {SECRET}", valid_until=NINE_TWENTY + timedelta(hours=1))
NEW = SECRET[:-1] + "n"


def test_during_the_overlap_both_secrets_lead_to_the_key() -> None:
    key = held(secret_hash=f"hash of {NEW}", secret_version=2, old_secret=OLD)
    keys, hasher, remembered = FakePartnerKeys(key), FakeHasher(), Remembered()

    proven = [authenticate(keys, hasher, remembered, Clock(), Presented(KEY, each)) for each in (NEW, SECRET, SECRET)]

    assert [each.secret_version for each in proven] == [2, 1, 1]
    assert hasher.checks == 3


def test_after_the_overlap_the_old_secret_is_nobody_even_if_it_is_remembered() -> None:
    keys, remembered, clock = FakePartnerKeys(held()), Remembered(), Clock()
    authenticate(keys, FakeHasher(), remembered, clock, WHO)
    replace(keys, held(secret_hash=f"hash of {NEW}", secret_version=2, old_secret=OLD))
    clock.passes(hours=1)

    with pytest.raises(Unauthenticated):
        authenticate(keys, FakeHasher(), remembered, clock, WHO)


def test_bcrypt_tells_secrets_apart_that_differ_only_past_72_bytes() -> None:
    hasher, start = BcryptHasher(), "sk_" + "a" * 24 + "_live_" + "s" * 47

    stored = hasher.hash(start + "x")

    assert hasher.matches(start + "x", stored)
    assert not hasher.matches(start + "y", stored)
    assert stored.startswith("$2b$10$")
