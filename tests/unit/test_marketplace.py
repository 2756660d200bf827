from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import repeat
from typing import Any

import pytest

from quantleap.domain.basket import Basket, Difficulty, MarketplaceConfig, Pricing, PricingType, Visibility
from quantleap.domain.basket_changes import OfferChange
from quantleap.domain.contracts import ExpiryType, Index
from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.marketplace import Browse, Shelf, shelve
from quantleap.services import marketplace
from tests.builders import Clock, a_basket, a_strategy, a_template, paid
from tests.fakes import FakeAccounts, FakeBaskets, FakeSubscriptions, FakeUsers


def nobody(baskets: FakeBaskets) -> FakeSubscriptions:
    users = FakeUsers()
    return FakeSubscriptions(baskets, users, FakeAccounts(users))


def many(*counts: int) -> list[Basket]:
    return [a_template(basket_id=f"bsk_{n}", subscriber_count=count) for n, count in enumerate(counts)]


def names(baskets: list[Basket], **wanted: object) -> list[str]:
    return [basket.basket_id for basket in shelve(baskets, None, Browse.model_validate(wanted)).templates]


def test_the_most_popular_template_comes_first_ties_by_id() -> None:
    assert names(many(1, 5, 5, 0)) == ["bsk_1", "bsk_2", "bsk_0", "bsk_3"]


def test_a_category_matches_the_admins_word_or_the_index() -> None:
    baskets = [
        a_template(basket_id="bsk_income"),
        a_template(
            basket_id="bsk_bank",
            strategies=(a_strategy(index=Index.BANKNIFTY, expiry_type=ExpiryType.MONTHLY),),
        ),
    ]

    assert names(baskets, category="INCOME") == ["bsk_bank", "bsk_income"]
    assert names(baskets, category="NIFTY") == ["bsk_income"]
    assert names(baskets, index="BANKNIFTY") == ["bsk_bank"]


def test_difficulty_and_pricing_narrow_the_list() -> None:
    free = MarketplaceConfig(difficulty_level=Difficulty.BEGINNER, pricing=Pricing(type=PricingType.FREE))
    baskets = [a_template(basket_id="bsk_free", marketplace=free), a_template(basket_id="bsk_paid")]

    assert names(baskets, difficulty="BEGINNER") == ["bsk_free"]
    assert names(baskets, pricing_type="PAID") == ["bsk_paid"]


def test_a_private_template_is_listed_for_its_partner_only() -> None:
    config = MarketplaceConfig(visibility=Visibility.PRIVATE, partners=("zebu",), pricing=paid())
    baskets = [a_template(marketplace=config)]

    found = [len(shelve(baskets, who, Browse()).templates) for who in ("zebu", "acme", None)]

    assert found == [1, 0, 0]


def test_a_basket_that_is_not_offered_is_never_listed() -> None:
    assert names([a_basket()]) == []
    assert not Browse().fits(a_basket())


def test_pages_are_counted_from_one_and_tell_the_total() -> None:
    second = shelve(many(5, 4, 3, 2, 1), None, Browse(page=2, per_page=2))

    assert [basket.basket_id for basket in second.templates] == ["bsk_2", "bsk_3"]
    assert (second.total, second.page, second.per_page) == (5, 2, 2)


def test_tokens_lead_through_every_template_once() -> None:
    baskets, seen, token = many(5, 4, 4, 4, 1), list[str](), None
    while True:
        page = shelve(baskets, None, Browse(limit=2, next_token=token))
        seen += [basket.basket_id for basket in page.templates]
        token = page.next_token
        if token is None:
            break

    assert seen == ["bsk_0", "bsk_1", "bsk_2", "bsk_3", "bsk_4"]


def test_a_page_past_the_end_is_empty_and_the_last() -> None:
    page = shelve(many(1), None, Browse(page=9))

    assert (page.templates, page.next_token, page.total) == ([], None, 1)


@pytest.mark.parametrize("token", ["x", "1", "é", "AAAA", "A" * 5, "\n", "=", "AA A"])
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        shelve(many(1), None, Browse(next_token=token))

    assert list(refusal.value.details) == ["next_token"]


def through(sizes: Iterator[list[Basket]], **wanted: Any) -> list[Shelf]:
    """Every page, each read from the marketplace as it is by then."""
    pages = [shelve(next(sizes), None, Browse(limit=2, **wanted))]
    while pages[-1].next_token is not None:
        pages.append(shelve(next(sizes), None, Browse(limit=2, next_token=pages[-1].next_token)))
    return pages


def ids(pages: Iterable[Shelf]) -> list[str]:
    return [basket.basket_id for page in pages for basket in page.templates]


def test_every_template_is_shown_once_while_counts_change() -> None:
    moving = (many(*counts) for counts in ((5, 4, 3, 2, 1), (5, 4, 3, 2, 99), (0, 0, 50, 60, 70)))

    assert ids(through(moving)) == ["bsk_0", "bsk_1", "bsk_2", "bsk_3", "bsk_4"]


def test_a_template_that_goes_leaves_no_gap_and_one_that_comes_stands_at_the_end() -> None:
    before, after = many(5, 4, 3, 2), many(5, 4, 3, 2, 99)[1:]

    assert ids(through(iter([before, after, after, after]))) == ["bsk_0", "bsk_1", "bsk_2", "bsk_3", "bsk_4"]


def test_tokens_lead_back_as_well() -> None:
    pages = through(repeat(many(5, 4, 3, 2, 1)))
    back = [shelve(many(1, 2, 3, 4, 5), None, Browse(limit=2, next_token=pages[2].previous_token))]
    back.append(shelve(many(9, 9, 0, 0, 9), None, Browse(limit=2, next_token=back[0].previous_token)))

    assert ids(back) == ["bsk_2", "bsk_3", "bsk_0", "bsk_1"]
    assert [page.page for page in (*pages, *back)] == [1, 2, 3, 2, 1]
    assert pages[0].previous_token is None
    assert back[1].previous_token is None


def test_numbered_pages_of_a_tokens_order_do_not_move_either() -> None:
    token = shelve(many(5, 4, 3, 2, 1), None, Browse(limit=2)).next_token

    pages = [shelve(many(1, 2, 3, 4, 5), None, Browse(limit=2, page=n, next_token=token)) for n in (1, 2, 3)]

    assert ids(pages) == ["bsk_0", "bsk_1", "bsk_2", "bsk_3", "bsk_4"]


def test_a_basket_becomes_a_template_and_stops_being_one() -> None:
    baskets = FakeBaskets(a_basket(basket_id="bsk_a"))

    offered = marketplace.enable(baskets, Clock(), "bsk_a", MarketplaceConfig(pricing=paid("1499.50")))
    assert [basket.basket_id for basket in marketplace.offered(baskets)] == ["bsk_a"]
    withdrawn = marketplace.disable(baskets, nobody(baskets), Clock(), "bsk_a")

    assert (withdrawn.basket.marketplace, withdrawn.ended, withdrawn.left) == (None, 0, 0)
    assert offered.marketplace is not None
    assert offered.marketplace.pricing.monthly_fee == Decimal("1499.50")
    assert marketplace.offered(baskets) == []


def test_what_is_not_offered_cannot_be_withdrawn() -> None:
    baskets = FakeBaskets(a_basket(basket_id="bsk_a"))

    with pytest.raises(NotFound):
        marketplace.disable(baskets, nobody(baskets), Clock(), "bsk_a")
    with pytest.raises(NotFound):
        marketplace.change(baskets, Clock(), "bsk_a", OfferChange())


def test_the_detail_of_a_template_is_hidden_like_the_template() -> None:
    baskets = FakeBaskets(a_basket(basket_id="bsk_a"), a_template(basket_id="bsk_b"))

    assert marketplace.detail(baskets, None, "bsk_b").basket_id == "bsk_b"
    with pytest.raises(NotFound):
        marketplace.detail(baskets, None, "bsk_a")
