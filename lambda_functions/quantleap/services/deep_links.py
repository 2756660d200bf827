"""Partners send their users to our own pages, and the page that opens learns once who came."""

from typing import NamedTuple

from quantleap.domain.clock import Clock
from quantleap.domain.deep_links import DeepLink, DeepLinks, NewDeepLink, address, new_token
from quantleap.domain.errors import NotFound, Unauthenticated
from quantleap.domain.ids import Randomness
from quantleap.domain.partner import PartnerKey
from quantleap.domain.ports import Baskets, Subscriptions, Users


class Doorway(NamedTuple):
    """What a link is made with; `app_url` is where our own pages are."""

    links: DeepLinks
    baskets: Baskets
    users: Users
    subscriptions: Subscriptions
    clock: Clock
    draw: Randomness
    app_url: str


class Issued(NamedTuple):
    """A new link: its token and address are known to whoever asked, and to nobody else."""

    link: DeepLink
    token: str
    url: str


def issue(doorway: Doorway, key: PartnerKey, wanted: NewDeepLink) -> Issued:
    """A link for one of the partner's users; somebody new gets one too, and becomes a user with their first account.

    Raises `NotFound` for a template the partner does not offer, and for a subscription that is not this user's.
    """
    user = doorway.users.find(key.tenant, wanted.user_email)
    user_id = None if user is None else user.user_id
    if wanted.template_id is not None and not doorway.baskets.get(wanted.template_id).visible_to(key.partner_id):
        raise NotFound("No such template")
    if wanted.subscription_id is not None and _subscriber(doorway, key, wanted.subscription_id) != user_id:
        raise NotFound("No such subscription")
    link = DeepLink(tenant=key.tenant.key, user_id=user_id, created_at=doorway.clock(), **dict(wanted))
    token = new_token(doorway.draw)
    doorway.links.start(token, link)
    return Issued(link, token, address(doorway.app_url, link, token))


def _subscriber(doorway: Doorway, key: PartnerKey, subscription_id: str) -> str:
    found = doorway.subscriptions.get(subscription_id)
    if found.tenant != key.tenant.key:
        raise NotFound("No such subscription")
    return found.user_id


def redeem(links: DeepLinks, clock: Clock, token: str) -> DeepLink:
    """Whom a followed link brings, told exactly once; raises `Unauthenticated` for one unknown, used or too old.

    What it says is what was true when it was made, so the page that opens asks the rules again before it acts.
    """
    link = links.take(token)
    if link is None or clock() >= link.expires_at:
        raise Unauthenticated("The link is unknown, used or too old; open it from the partner's portal again")
    return link
