"""Links that wait to be followed, in the table until then or until their time is over."""

from quantleap.adapters import keys
from quantleap.adapters.items import NEW, read, stored
from quantleap.adapters.table import Table
from quantleap.domain.deep_links import DeepLink


class TableDeepLinks:
    """The token is a secret, so the table holds its hash alone."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def start(self, token: str, link: DeepLink) -> None:
        """Remember a link under its token's hash."""
        away = {"owner": link.user_id} if link.user_id else {}
        item = {
            **stored(link.model_copy(update={"user_id": None}), "DEEP_LINK", keys.deep_link(token), **away),
            "version": 1,
            "expires_at": int(link.expires_at.timestamp()),
        }
        self._table.put(item, NEW)

    def take(self, token: str) -> DeepLink | None:
        """Hand it out once and forget it; None for one unknown or used."""
        item = self._table.take(keys.deep_link(token))
        return None if item is None else read(DeepLink, item, "owner", "version", user_id=item.get("owner"))
