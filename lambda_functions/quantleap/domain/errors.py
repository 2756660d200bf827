"""What can go wrong between somebody who asks and the rules.

    QuantLeapError
    ├── InvalidRequest          a field is wrong; names each field and the fix
    ├── LoginRefused            the broker did not accept the user's login or credentials
    ├── Unauthenticated         nobody we know, or no longer
    │   └── LoginExpired        the user's daily broker login is over
    ├── Forbidden               known, but not allowed
    ├── NotFound                no such thing, or not the caller's
    ├── Conflict                true today, but not compatible with what is stored
    │   ├── AlreadySubscribed   one subscription for a user and template
    │   └── FactsInUse          runs of the next hour go by what is to be changed
    ├── NotAllowed              a path without that method; says which it has
    ├── TooLarge                more than anybody needs to send
    ├── Reused                  a key that stands for another request
    ├── Throttled               over a limit; says when to come back
    ├── Undecidable             a run cannot be turned into orders
    └── Unavailable             a dependency failed; nothing was changed

Failures of a broker are in `quantleap.domain.broker`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

SAID = 3
"""How many complaints the message repeats; the details hold all of them."""


class QuantLeapError(Exception):
    """Base of every refusal; `code` is a stable word that clients may switch on."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = code or self.code

    @property
    def extra(self) -> Mapping[str, Any]:
        """Further fields of the answer's body."""
        return {}


class InvalidRequest(QuantLeapError):
    """Fields that cannot be accepted; `details` maps each path to its complaint."""

    code = "invalid_request"

    def __init__(self, details: Mapping[str, str], *, code: str | None = None) -> None:
        said = [f"{path}: {complaint}" for path, complaint in details.items()]
        rest = [f"and {len(said) - SAID} more"] if len(said) > SAID else []
        super().__init__("; ".join([*said[:SAID], *rest]), code=code)
        self.details = dict(details)

    @property
    def extra(self) -> Mapping[str, Any]:
        """The complaints by path."""
        return {"details": self.details}


class LoginRefused(QuantLeapError):
    """The broker turned a login down; `broker_response` is what it said."""

    code = "broker_login_refused"

    def __init__(self, message: str, *, broker_response: str) -> None:
        super().__init__(message)
        self.broker_response = broker_response

    @property
    def extra(self) -> Mapping[str, Any]:
        """The broker's own words."""
        return {"details": {"broker_response": self.broker_response}}


class Unauthenticated(QuantLeapError):
    """The caller did not prove who they are."""

    code = "invalid_credentials"


class LoginExpired(Unauthenticated):
    """The user's daily login at the broker is missing or over."""

    code = "oauth_token_expired"

    def __init__(self, message: str, *, expired_at: datetime | None) -> None:
        super().__init__(message)
        self.expired_at = expired_at

    @property
    def extra(self) -> Mapping[str, Any]:
        """When the token died, if there ever was one."""
        return {"token_expired_at": self.expired_at}


class Forbidden(QuantLeapError):
    """The caller is known and lacks the right; names the permission that is missing."""

    code = "permission_denied"


class NotFound(QuantLeapError):
    """No such thing among those the caller may see."""

    code = "not_found"


class NotAllowed(QuantLeapError):
    """A method that a path does not have; `allowed` are those it has."""

    code = "method_not_allowed"

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"This path has {self.allowed} only")


class TooLarge(QuantLeapError):
    """A body that nothing of ours needs."""

    code = "payload_too_large"


class WrongType(QuantLeapError):
    """A body that says it is something else than JSON."""

    code = "unsupported_media_type"


class Conflict(QuantLeapError):
    """What is stored does not allow it now."""

    code = "conflict"


class Reused(QuantLeapError):
    """An idempotency key that was used for another request."""

    code = "idempotency_key_reused"


class AlreadySubscribed(Conflict):
    """The user follows this template already."""

    code = "already_subscribed"

    def __init__(self, subscription_id: str) -> None:
        super().__init__("User already subscribed to this strategy")
        self.subscription_id = subscription_id

    @property
    def extra(self) -> Mapping[str, Any]:
        """The subscription that stands in the way."""
        return {"existing_subscription_id": self.subscription_id}


class FactsInUse(Conflict):
    """Runs of the next hour go by what is to be changed; `details` name them."""

    code = "market_data_in_use"

    def __init__(self, runs: Sequence[str]) -> None:
        super().__init__(f"Runs of the next hour go by it: {'; '.join(runs[:SAID])}")
        self.runs = runs

    @property
    def extra(self) -> Mapping[str, Any]:
        """Each of the runs, numbered."""
        return {"details": {f"runs[{number}]": run for number, run in enumerate(self.runs)}}


class Throttled(QuantLeapError):
    """Over a limit; `retry_after_s` seconds from now it may pass."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class Unavailable(QuantLeapError):
    """Something we depend on failed; the request changed nothing and may be repeated."""

    code = "service_unavailable"


class Undecidable(QuantLeapError):
    """A run cannot be turned into orders; nothing of it is traded, and everybody reads why."""

    code = "undecidable"
