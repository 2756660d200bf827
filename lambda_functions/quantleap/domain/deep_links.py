"""Links that carry a partner's user from the partner's portal to our own pages.

The token in the address is the only proof of who comes, so it is drawn at random, stored as a hash alone, works once
and for minutes. What the link is for stands beside the hash and never in the address, where it could be changed.
"""

from datetime import datetime, timedelta
from typing import Annotated, Protocol
from urllib.parse import urlencode

from pydantic import StringConstraints, ValidationInfo, field_validator

from quantleap.domain.account import Email, PersonName
from quantleap.domain.ids import ALPHABET, Randomness
from quantleap.domain.model import Identifier, Model, NamesTemplate
from quantleap.domain.partner import Tenant

LIFE = timedelta(minutes=5)
"""A portal asks for a link when its user clicks, and sends the browser there at once."""

TOKEN_LENGTH = 43
"""222 bits of the alphabet of our ids."""

LandingPath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_-]+)+$", max_length=200)]
"""A page of ours: no address of somebody else, no query."""


class NewDeepLink(NamesTemplate):
    """Whom a partner sends to us, and to which page: a template's, a subscription's, or the one it names."""

    user_email: Email
    user_name: PersonName | None = None
    template_id: Identifier | None = None
    subscription_id: Identifier | None = None
    path: LandingPath = "/marketplace"

    @field_validator("subscription_id")
    @classmethod
    def _about_one_thing(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("template_id") is not None:
            raise ValueError("send either template_id or subscription_id")
        return value


class DeepLink(Model):
    """A link as it was promised; `user_id` is None for somebody who has linked no account yet."""

    tenant: str
    user_id: str | None
    user_email: Email
    user_name: str | None = None
    template_id: str | None = None
    subscription_id: str | None = None
    path: str
    created_at: datetime

    @property
    def expires_at(self) -> datetime:
        """From when on it opens nothing."""
        return self.created_at + LIFE


class DeepLinks(Protocol):
    """Links that wait to be followed."""

    def start(self, token: str, link: DeepLink) -> None:
        """Remember a link under its token's hash."""

    def take(self, token: str) -> DeepLink | None:
        """Hand it out once and forget it; None for one unknown or used."""


def new_token(draw: Randomness) -> str:
    """A token nobody can guess."""
    return draw(ALPHABET, TOKEN_LENGTH)


def address(app_url: str, link: DeepLink, token: str) -> str:
    """The link as a browser follows it: `https://app.example/marketplace?partner=zebu&token=...`."""
    query = urlencode({"partner": Tenant.of(link.tenant).partner_id, "token": token})
    return f"{app_url}{link.path}?{query}"
