"""What every store promises, asked of the fakes and of the table alike, so that the fakes tell the truth."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest

from quantleap.adapters import keys
from quantleap.adapters.table import Table
from quantleap.domain.account import AccountStatus, OAuthState
from quantleap.domain.basket import MarketplaceConfig
from quantleap.domain.errors import AlreadySubscribed, Conflict, NotFound
from quantleap.domain.execution import Scheduled, Seat
from quantleap.domain.ids import user_id
from quantleap.domain.partner import PartnerKeyChange
from quantleap.domain.subscription import Action, Status, Subscription, SubscriptionFilter
from tests.builders import (
    ASHA,
    ASHAS_MAIL,
    NINE_TWENTY,
    OTHERS,
    TEMPLATE,
    ZEBU,
    a_basket,
    a_key,
    a_subscription,
    a_template,
    a_user,
    an_account,
    counting,
)
from tests.fakes import Stores, a_market

LATER = NINE_TWENTY + timedelta(minutes=5)


def people(stores: Stores, number: int) -> list[Subscription]:
    """That many users with an account each, and a subscription of each, not stored yet."""
    draw, found = counting(), []
    for n in range(number):
        user = a_user(user_id=user_id(draw), email=f"user{n}@example.com")
        account = an_account(user_id=user.user_id, client_id=f"CLIENT{n}")
        stores.accounts.add(account, user, new_user=True)
        allocation = a_subscription().allocations[0].model_copy(update={"client_id": f"CLIENT{n}"})
        found.append(a_subscription(n, user_id=user.user_id, allocations=(allocation,)))
    return found


def test_a_partner_key_comes_back_as_it_was(stores: Stores) -> None:
    key = a_key(expires_at=LATER, allowed_ips=("203.0.113.0/28",))

    stores.keys.add(key)

    assert stores.keys.get(key.api_key_id) == key


def test_a_partner_key_from_before_redirect_urls_can_be_read_and_changed(stores: Stores) -> None:
    old = a_key(redirect_urls=None)
    stores.keys.add(old)

    assert stores.keys.get(old.api_key_id).redirect_urls is None

    stores.keys.save(old.changed(PartnerKeyChange(partner_name="Zebu")))
    assert stores.keys.get(old.api_key_id).redirect_urls is None

    stores.keys.save(stores.keys.get(old.api_key_id).changed(PartnerKeyChange(redirect_urls=())))
    assert stores.keys.get(old.api_key_id).redirect_urls == ()


def test_a_partner_key_is_not_overwritten_by_somebody_who_read_it_earlier(stores: Stores) -> None:
    stores.keys.add(a_key())
    stores.keys.save(a_key().revoked(NINE_TWENTY))

    with pytest.raises(Conflict):
        stores.keys.save(a_key().revoked(LATER))


def test_partner_keys_are_listed_newest_first(stores: Stores) -> None:
    for name, at in (("key_old", NINE_TWENTY), ("key_new", LATER)):
        stores.keys.add(a_key(api_key_id=name, created_at=at))

    assert [key.api_key_id for key in stores.keys.list()] == ["key_new", "key_old"]


def test_what_is_not_there_is_not_found(stores: Stores) -> None:
    for ask in (
        lambda: stores.keys.get("key_none"),
        lambda: stores.baskets.get("bsk_none"),
        lambda: stores.accounts.get(ASHA, "NONE"),
        lambda: stores.accounts.owner(ZEBU, "NONE"),
        lambda: stores.subscriptions.get(a_subscription().subscription_id),
        lambda: stores.subscriptions.get("no id at all"),
        lambda: stores.subscriptions.move("no id at all", ZEBU, Action.PAUSE, LATER),
        lambda: stores.subscriptions.move(a_subscription().subscription_id, ZEBU, Action.PAUSE, LATER),
    ):
        with pytest.raises(NotFound):
            ask()
    assert stores.users.find(ZEBU, ASHAS_MAIL) is None
    assert stores.logins.take("none") is None


def test_a_basket_comes_back_as_it_was(stores: Stores) -> None:
    basket = a_template(stop_loss=Decimal("12.50"), target=Decimal(30), subscriber_count=7)

    stores.baskets.add(basket)

    assert stores.baskets.get(TEMPLATE) == basket


def test_a_basket_is_due_while_it_is_offered_and_only_then(stores: Stores) -> None:
    basket = a_basket()
    stores.baskets.add(basket)
    offered = basket.offered(MarketplaceConfig(), NINE_TWENTY)

    before = list(stores.baskets.due("MON#09:20"))
    stores.baskets.save(offered, was=basket)
    during = list(stores.baskets.due("MON#09:20"))
    stores.baskets.save(offered.withdrawn(LATER), was=offered)

    assert (before, during, list(stores.baskets.due("MON#09:20"))) == ([], [Scheduled(TEMPLATE, (0,))], [])
    assert stores.baskets.get(TEMPLATE).version == 3


def test_offering_leaves_the_count_of_subscribers_alone(stores: Stores) -> None:
    a_market(stores)
    read_before = stores.baskets.get(TEMPLATE)
    stores.subscriptions.add(a_subscription())

    stores.baskets.save(read_before.offered(MarketplaceConfig(), LATER), was=read_before)

    assert stores.baskets.get(TEMPLATE).subscriber_count == 1


def test_a_basket_changed_meanwhile_is_not_overwritten(stores: Stores) -> None:
    stores.baskets.add(a_basket())
    first = a_basket().offered(MarketplaceConfig(), NINE_TWENTY)
    stores.baskets.save(first, was=a_basket())

    with pytest.raises(Conflict):
        stores.baskets.save(a_basket().offered(MarketplaceConfig(), LATER), was=a_basket())


def test_the_marketplace_lists_what_is_offered_most_popular_first(stores: Stores) -> None:
    stores.baskets.add(a_basket(basket_id="bsk_hidden"))
    for name, count in (("bsk_few", 2), ("bsk_many", 10), ("bsk_none", 0)):
        stores.baskets.add(a_template(basket_id=name, subscriber_count=count))

    assert [basket.basket_id for basket in stores.baskets.listed()] == ["bsk_many", "bsk_few", "bsk_none"]


def test_baskets_are_listed_newest_first(stores: Stores) -> None:
    stores.baskets.add(a_basket(basket_id="bsk_old"))
    stores.baskets.add(a_basket(basket_id="bsk_new", created_at=LATER))

    assert [basket.basket_id for basket in stores.baskets.list()] == ["bsk_new", "bsk_old"]


def test_a_user_is_found_by_address_and_by_id(stores: Stores) -> None:
    user = a_user(name="Asha")
    stores.accounts.add(an_account(), user, new_user=True)

    assert stores.users.find(ZEBU, ASHAS_MAIL) == user
    assert stores.users.many([ASHA, ASHA, "usr_none"]) == {ASHA: user}
    assert stores.users.find(OTHERS, ASHAS_MAIL) is None


def test_an_account_comes_back_as_it_was_and_leads_to_its_owner(stores: Stores) -> None:
    stores.accounts.add(an_account(), a_user(), new_user=True)

    assert stores.accounts.get(ASHA, "ZEBU123") == an_account()
    assert stores.accounts.owner(ZEBU, "ZEBU123") == ASHA
    assert stores.accounts.of_user(ASHA) == [an_account()]
    assert stores.accounts.many([(ASHA, "ZEBU123"), (ASHA, "NONE")]) == {(ASHA, "ZEBU123"): an_account()}


def test_an_account_that_is_damaged_keeps_no_other_from_being_read(stores: Stores, table: Table) -> None:
    stores.accounts.add(an_account(), a_user(), new_user=True)
    table.put({**keys.broker_account(ASHA, "DAMAGED"), "entity_type": "BROKER_ACCOUNT", "version": 1})

    assert stores.accounts.many([(ASHA, "DAMAGED"), (ASHA, "ZEBU123")]) == {(ASHA, "ZEBU123"): an_account()}


def test_who_holds_an_address_and_a_client_id_is_told_together(stores: Stores) -> None:
    stores.accounts.add(an_account(), a_user(), new_user=True)

    assert stores.accounts.known(ZEBU, ASHAS_MAIL, "ZEBU123") == (a_user(), ASHA)
    assert stores.accounts.known(ZEBU, ASHAS_MAIL, "NEW1") == (a_user(), None)
    assert stores.accounts.known(ZEBU, "new@example.com", "ZEBU123") == (None, ASHA)
    assert stores.accounts.known(OTHERS, ASHAS_MAIL, "ZEBU123") == (None, None)


def test_neither_a_client_id_nor_an_address_is_given_twice(stores: Stores) -> None:
    stores.accounts.add(an_account(), a_user(), new_user=True)
    ravi = a_user(user_id="usr_ravi", email="ravi@example.com")

    with pytest.raises(Conflict):
        stores.accounts.add(an_account(user_id="usr_ravi"), ravi, new_user=True)
    with pytest.raises(Conflict):
        stores.accounts.add(an_account(user_id="usr_ravi", client_id="NEW1"), a_user(user_id="usr_ravi"), new_user=True)
    assert stores.users.find(ZEBU, "ravi@example.com") is None


def test_an_account_changed_meanwhile_is_not_overwritten(stores: Stores) -> None:
    stores.accounts.add(an_account(), a_user(), new_user=True)
    stores.accounts.save(an_account().with_new_credentials())

    with pytest.raises(Conflict):
        stores.accounts.save(an_account().with_new_credentials())


def test_a_tenants_accounts_come_in_pages(stores: Stores) -> None:
    people(stores, 5)
    seen, token = [], None
    while True:
        page = stores.accounts.of_tenant(ZEBU, 2, token)
        seen += [account.client_id for account in page.items]
        token = page.next_token
        if token is None:
            break

    assert seen == [f"CLIENT{n}" for n in range(5)]
    assert stores.accounts.of_tenant(OTHERS, 10, None).items == []


def test_a_login_is_handed_out_once(stores: Stores) -> None:
    state = OAuthState(state="secret", tenant=ZEBU.key, user_id=ASHA, client_id="ZEBU123", created_at=NINE_TWENTY)
    stores.logins.start(state)

    assert [stores.logins.take("secret"), stores.logins.take("secret")] == [state, None]


def test_a_subscription_comes_back_as_it_was(stores: Stores) -> None:
    a_market(stores)

    stores.subscriptions.add(a_subscription())

    assert stores.subscriptions.get(a_subscription().subscription_id) == a_subscription()


def test_template_and_user_are_found_together(stores: Stores) -> None:
    a_market(stores)

    assert stores.subscriptions.find(TEMPLATE, ZEBU, ASHAS_MAIL) == (a_template(), a_user())
    assert stores.subscriptions.find("bsk_none", OTHERS, ASHAS_MAIL) == (None, None)


def test_a_second_subscription_is_refused_and_changes_nothing(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription(1))

    with pytest.raises(AlreadySubscribed) as refusal:
        stores.subscriptions.add(a_subscription(2))

    assert refusal.value.subscription_id == a_subscription(1).subscription_id
    assert stores.baskets.get(TEMPLATE).subscriber_count == 1
    assert len(stores.subscriptions.of_user(ASHA, None)) == 1


def test_a_withdrawn_template_takes_nobody(stores: Stores) -> None:
    a_market(stores)
    basket = stores.baskets.get(TEMPLATE)
    stores.baskets.save(basket.withdrawn(LATER), was=basket)

    with pytest.raises(Conflict) as refusal:
        stores.subscriptions.add(a_subscription())

    assert refusal.value.reason == "template_withdrawn"
    assert stores.baskets.get(TEMPLATE).subscriber_count == 0


def test_a_disabled_account_takes_nothing_on(stores: Stores) -> None:
    a_market(stores)
    disabled = an_account().model_copy(update={"account_status": AccountStatus.DISABLED, "version": 2})
    stores.accounts.save(disabled)

    with pytest.raises(Conflict) as refusal:
        stores.subscriptions.add(a_subscription())

    assert refusal.value.reason == "broker_account_disabled"


def test_a_move_is_stored_and_an_impossible_one_is_not(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription())
    name = a_subscription().subscription_id

    paused = stores.subscriptions.move(name, ZEBU, Action.PAUSE, LATER)
    with pytest.raises(Conflict, match="Cannot pause a subscription that is PAUSED"):
        stores.subscriptions.move(name, ZEBU, Action.PAUSE, LATER + timedelta(seconds=1))

    assert stores.subscriptions.get(name) == paused == a_subscription().after(Action.PAUSE, LATER)


def test_another_tenant_cannot_move_it(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription())

    with pytest.raises(NotFound):
        stores.subscriptions.move(a_subscription().subscription_id, OTHERS, Action.PAUSE, LATER)

    assert stores.subscriptions.get(a_subscription().subscription_id).status is Status.ACTIVE


def test_cancelling_frees_the_template_and_counts_down(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription(1))

    stores.subscriptions.cancel(a_subscription(1).after(Action.CANCEL, LATER))

    assert stores.baskets.get(TEMPLATE).subscriber_count == 0
    assert stores.subscriptions.seats(TEMPLATE) == []
    stores.subscriptions.add(a_subscription(2))
    assert stores.baskets.get(TEMPLATE).subscriber_count == 1


def test_one_of_two_who_cancel_at_once_is_too_late(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription())
    cancelled = a_subscription().after(Action.CANCEL, LATER)
    stores.subscriptions.cancel(cancelled)

    with pytest.raises(Conflict):
        stores.subscriptions.cancel(cancelled)

    assert stores.baskets.get(TEMPLATE).subscriber_count == 0


def test_a_cancel_that_read_before_a_pause_is_refused(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription())
    stores.subscriptions.move(a_subscription().subscription_id, ZEBU, Action.PAUSE, LATER)

    with pytest.raises(Conflict):
        stores.subscriptions.cancel(a_subscription().after(Action.CANCEL, LATER))


def test_seats_are_the_active_and_the_paused_with_all_a_plan_needs(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription())
    stores.subscriptions.move(a_subscription().subscription_id, ZEBU, Action.PAUSE, LATER)

    (seat,) = stores.subscriptions.seats(TEMPLATE)

    made = a_subscription()
    assert seat == Seat(made.subscription_id, ASHA, ZEBU.key, "PAUSED", made.allocations)


def test_current_states_are_read_together(stores: Stores) -> None:
    a_market(stores)
    stores.subscriptions.add(a_subscription())
    name = a_subscription().subscription_id

    assert stores.subscriptions.statuses([(ASHA, name), (ASHA, a_subscription(9).subscription_id)]) == {name: "ACTIVE"}


def test_a_tenants_subscriptions_come_in_pages_each_once(stores: Stores) -> None:
    a_market(stores)
    made = people(stores, 5)
    for each in made:
        stores.subscriptions.add(each)
    stores.subscriptions.move(made[0].subscription_id, ZEBU, Action.PAUSE, LATER)

    def read(**wanted: object) -> list[str]:
        seen, token = [], None
        while True:
            filters = SubscriptionFilter.model_validate({**wanted, "limit": 2, "next_token": token})
            page = stores.subscriptions.of_partner(ZEBU, filters)
            seen += [each.subscription_id for each in page.items]
            token = page.next_token
            if token is None:
                return seen
            assert quote(token, safe="") == token, "it stands in an address as it is"

    everybody = {each.subscription_id for each in made}
    assert read()[0] == made[0].subscription_id
    assert sorted(read()) == sorted(read(template_id=TEMPLATE)) == sorted(everybody)
    assert read(status="PAUSED") == [made[0].subscription_id]
    assert set(read(status="ACTIVE")) == everybody - {made[0].subscription_id}
    assert read(status="CANCELLED") == read(template_id="bsk_other") == []


def test_a_users_subscriptions_are_read_by_status(stores: Stores) -> None:
    a_market(stores)
    stores.baskets.add(a_template(basket_id="bsk_second0000000000"))
    stores.subscriptions.add(a_subscription(1))
    other = a_subscription(2, template_id="bsk_second0000000000")
    stores.subscriptions.add(other)
    stores.subscriptions.move(other.subscription_id, ZEBU, Action.PAUSE, LATER)

    def states(status: Status | None) -> list[str]:
        return [each.status for each in stores.subscriptions.of_user(ASHA, status)]

    assert states(None) == ["PAUSED", "ACTIVE"]
    assert (states(Status.ACTIVE), states(Status.CANCELLED)) == (["ACTIVE"], [])
