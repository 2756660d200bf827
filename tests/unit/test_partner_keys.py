import pytest

from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.ids import api_key_id
from quantleap.domain.partner import Environment, KeyStatus, PartnerKeyDraft
from quantleap.services import partner_keys
from tests.builders import NINE_TWENTY, Clock, a_key, counting
from tests.fakes import FakeHasher, FakePartnerKeys

DRAFT = PartnerKeyDraft(partner_id="zebu", partner_name="Zebu Securities", broker_id="zebu")


def issue(keys: FakePartnerKeys, draft: PartnerKeyDraft = DRAFT) -> partner_keys.Issued:
    return partner_keys.create(keys, FakeHasher(), Clock(), counting(), "admin", draft)


def test_a_new_key_has_the_documented_format() -> None:
    issued = issue(FakePartnerKeys(), DRAFT.model_copy(update={"environment": Environment.LIVE}))

    assert issued.key.api_key == "pk_zebu_live_" + "1".zfill(32)
    assert issued.secret == "sk_zebu_live_" + "2".zfill(48)


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
