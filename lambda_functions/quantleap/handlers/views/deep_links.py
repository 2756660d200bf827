"""A deep link in an answer: the address to send the browser to, and until when."""

from typing import Any

from quantleap.domain.deep_links import LIFE
from quantleap.domain.partner import Tenant
from quantleap.services.deep_links import Issued

type Body = dict[str, Any]


def issued(made: Issued) -> Body:
    """A new link; its token is in this answer and nowhere else."""
    link = made.link
    return {
        "message": "Deep link created",
        "url": made.url,
        "token": made.token,
        "partner": Tenant.of(link.tenant).partner_id,
        "user_id": link.user_id,
        "user_email": link.user_email,
        "template_id": link.template_id,
        "template_basket_id": link.template_id,
        "subscription_id": link.subscription_id,
        "path": link.path,
        "expires_at": link.expires_at,
        "expires_in": int(LIFE.total_seconds()),
    }
