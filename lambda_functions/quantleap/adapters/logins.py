"""Logins under way, in the table until they are used or their time is over."""

from quantleap.adapters import keys
from quantleap.adapters.items import NEW
from quantleap.adapters.table import Table
from quantleap.domain.account import OAuthState

FORGOTTEN_AFTER_S = 3600
"""When the table may delete one nobody came back for; that it is too late to use is decided by its own time."""


class TableLogins:
    """The state is a secret, so the table holds its hash alone."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def start(self, state: OAuthState) -> None:
        """Remember a login."""
        item = {
            **keys.oauth_state(state.state),
            "entity_type": "OAUTH_STATE",
            "version": 1,
            "tenant": state.tenant,
            "owner": state.user_id,
            "client_id": state.client_id,
            "created_at": state.created_at.isoformat(),
            "expires_at": int(state.created_at.timestamp()) + FORGOTTEN_AFTER_S,
        } | ({"redirect_url": state.redirect_url} if state.redirect_url else {})
        self._table.put(item, NEW)

    def take(self, state: str) -> OAuthState | None:
        """Hand it out once and forget it; None for one unknown or used."""
        item = self._table.take(keys.oauth_state(state))
        if item is None:
            return None
        return OAuthState(
            state=state,
            tenant=item["tenant"],
            user_id=item["owner"],
            client_id=item["client_id"],
            created_at=item["created_at"],
            redirect_url=item.get("redirect_url"),
        )
