"""How many shards a template's subscribers have, and which one is whose."""

from collections import Counter

import pytest

from quantleap.domain.basket import MarketplaceConfig
from quantleap.domain.basket_changes import OfferChange
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.model import parse
from quantleap.domain.sharding import MOST_SHARDS, grown, shard_of
from quantleap.services import marketplace
from tests.builders import NINE_TWENTY, TEMPLATE, Clock, a_basket, a_template
from tests.fakes import in_memory


def test_subscriptions_are_spread_evenly() -> None:
    spread = Counter(shard_of(f"sub_{number:036}", MOST_SHARDS) for number in range(MOST_SHARDS * 100))

    assert sorted(spread) == list(range(MOST_SHARDS))
    assert 60 < min(spread.values()) < max(spread.values()) < 140


def test_a_shard_is_the_same_on_every_machine_and_in_every_release() -> None:
    name = "sub_000000000000000000010000000000000001"

    assert [shard_of(name, shards) for shards in (1, 2, 8, 64)] == [0, 0, 4, 12]


def test_shards_grow_and_stay_where_nothing_is_asked_for() -> None:
    assert (grown(1, None), grown(8, None), grown(8, 8), grown(8, 64)) == (1, 8, 8, 64)


def test_shards_do_not_shrink() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        grown(8, 4)

    assert refusal.value.details == {"subscriber_shards": "May only grow; the template has 8"}


@pytest.mark.parametrize("shards", [0, 65, "many"])
def test_there_are_1_to_64(shards: object) -> None:
    for model in (MarketplaceConfig, OfferChange):
        with pytest.raises(InvalidRequest) as refusal:
            parse(model, {"subscriber_shards": shards})
        assert list(refusal.value.details) == ["subscriber_shards"]


def test_a_template_has_one_shard_until_more_are_asked_for() -> None:
    assert a_basket().offered(MarketplaceConfig(), NINE_TWENTY).subscriber_shards == 1
    assert a_basket().offered(MarketplaceConfig(subscriber_shards=16), NINE_TWENTY).subscriber_shards == 16


def test_a_changed_offer_keeps_the_shards() -> None:
    baskets = in_memory().baskets
    baskets.add(a_template())

    marketplace.change(baskets, Clock(), TEMPLATE, OfferChange(subscriber_shards=16))
    marketplace.change(baskets, Clock(), TEMPLATE, OfferChange(tags=("NIFTY",)))

    assert baskets.get(TEMPLATE).subscriber_shards == 16


def test_a_template_that_was_withdrawn_comes_back_with_its_shards() -> None:
    template = a_template(subscriber_shards=16)

    again = template.withdrawn(NINE_TWENTY).offered(MarketplaceConfig(), NINE_TWENTY)

    assert again.subscriber_shards == 16
    with pytest.raises(InvalidRequest):
        template.withdrawn(NINE_TWENTY).offered(MarketplaceConfig(subscriber_shards=8), NINE_TWENTY)
