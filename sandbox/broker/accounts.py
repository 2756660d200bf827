"""Who may trade: registered apps, login codes and the day's sessions.

An app is known when it is registered: `test_api_key` with `test_api_secret` is from the start, others through
the control API. `invalid_api_key` is never known, so that its failure can be tried.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import NamedTuple

from quantleap.domain.clock import IST

PRESET_APPS = {"test_api_key": "test_api_secret"}
REFUSED_APP = "invalid_api_key"
CODE_LIFE = timedelta(seconds=300)


class LoginRefused(Exception):
    """The login cannot go on; the text names the field to blame."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Code(NamedTuple):
    """A finished login, to be swapped for a session once."""

    api_key: str
    client_id: str
    expires_at: datetime


class Session(NamedTuple):
    """A client's day; both tokens are good for every call."""

    client_id: str
    api_key: str
    access_token: str
    user_token: str
    refresh_token: str
    expires_at: datetime


class Rules(NamedTuple):
    """What differs from broker to broker.

    `proof` makes what is hashed of key, secret and code, `token` a client's access token. Tokens die at an hour of
    India; a session opened less than `least_life` before it lasts until the next one.
    """

    proof: Callable[[str, str, str], str]
    tokens_die: time
    least_life: timedelta = timedelta()
    token: Callable[[str, datetime], str] = lambda _client, _ends: secrets.token_hex(32)

    def proves(self, checksum: str, api_key: str, api_secret: str, code: str) -> bool:
        """Whether a checksum was made with the app's secret."""
        proof = hashlib.sha256(self.proof(api_key, api_secret, code).encode()).hexdigest()
        return hmac.compare_digest(proof.encode(), checksum.encode())

    def ends(self, at: datetime) -> datetime:
        """When a session that begins at that time is over."""
        after = (at + self.least_life).astimezone(IST)
        end = datetime.combine(after.date(), self.tokens_die, IST)
        return end if end > after else end + timedelta(days=1)


class Accounts:
    """Apps, codes and sessions of one broker."""

    def __init__(
        self, rules: Rules, apps: Mapping[str, str] = PRESET_APPS, sessions: list[Session] | None = None
    ) -> None:
        self._rules = rules
        self.apps = dict(apps)
        self._codes: dict[str, Code] = {}
        self._sessions: dict[str, Session] = {}
        for session in sessions or []:
            self._keep(session)

    @property
    def sessions(self) -> list[Session]:
        """Every session not expired by hand, each once."""
        return list(dict.fromkeys(self._sessions.values()))

    def register(self, api_key: str, api_secret: str) -> None:
        """Make an app known, or change its secret."""
        if api_key == REFUSED_APP:
            raise LoginRefused("api key")
        self.apps[api_key] = api_secret

    def log_in(self, api_key: str, client_id: str, at: datetime) -> str:
        """Finish a login in the browser and return its code."""
        if api_key not in self.apps:
            raise LoginRefused("api key")
        code = secrets.token_hex(16)
        self._codes[code] = Code(api_key, client_id, at + CODE_LIFE)
        return code

    def redeem(self, code: str, checksum: str, client_id: str | None, at: datetime) -> Session:
        """Swap a code for a session; the checksum proves the app's secret."""
        app, owner = self._owner(code, checksum, client_id, at)
        return self.open(owner, app, at)

    def open(self, client_id: str, api_key: str, at: datetime) -> Session:
        """Begin a session."""
        ends = self._rules.ends(at)
        return self._keep(
            Session(
                client_id=client_id,
                api_key=api_key,
                access_token=self._rules.token(client_id, ends),
                user_token=secrets.token_hex(32),
                refresh_token=secrets.token_hex(32),
                expires_at=ends,
            )
        )

    def session_of(self, token: str, at: datetime) -> Session | None:
        """The session of a token, or None for one unknown or over."""
        session = self._sessions.get(token)
        return session if session and at < session.expires_at else None

    def client_of(self, token: str, at: datetime) -> str | None:
        """Whose token it is, or None for one unknown or over."""
        session = self.session_of(token, at)
        return session.client_id if session else None

    def expire(self, client_id: str) -> int:
        """End a client's sessions and return how many there were."""
        ended = [session for session in self.sessions if session.client_id == client_id]
        for session in ended:
            del self._sessions[session.access_token], self._sessions[session.user_token]
        return len(ended)

    def _keep(self, session: Session) -> Session:
        self._sessions[session.access_token] = self._sessions[session.user_token] = session
        return session

    def _owner(self, code: str, checksum: str, client_id: str | None, at: datetime) -> tuple[str, str]:
        found = self._codes.get(code)
        if found is None or at >= found.expires_at or client_id not in {None, found.client_id}:
            raise LoginRefused("code")
        if not self._rules.proves(checksum, found.api_key, self.apps[found.api_key], code):
            raise LoginRefused("checksum")
        del self._codes[code]
        return found.api_key, found.client_id
