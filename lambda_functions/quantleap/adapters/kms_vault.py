"""Users' secrets as sealed items of the table: each under a data key of its own, which only KMS can open.

Who and what a secret is for is bound twice: KMS opens the data key for the same user, client and kind only, and the
same words are sealed in with the text. A sealed item copied to another account, or to another kind, opens nowhere.

Sealing here instead of sending texts to KMS: `kms:Encrypt` takes 4,096 bytes, and a session may hold two tokens of a
broker that makes them longer every year. The calls to KMS are the same, one for a secret.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from quantleap.adapters import keys
from quantleap.adapters.keys import Key
from quantleap.adapters.patience import Patience, keep_requests_out_of_logs
from quantleap.adapters.sealing import SealBroken, seal, unseal
from quantleap.adapters.table import Item, Table
from quantleap.domain.account import Credentials, Session
from quantleap.domain.errors import NotFound
from quantleap.domain.model import Model

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

log = logging.getLogger(__name__)

CREDENTIALS = "credentials"
SESSION = "session"
ENTITIES = {CREDENTIALS: "BROKER_CREDENTIALS", SESSION: "BROKER_SESSION"}


class Belonging(NamedTuple):
    """Whose secret it is and of which kind; never itself secret, it stands in KMS's audit log."""

    user_id: str
    client_id: str
    kind: str

    @property
    def context(self) -> dict[str, str]:
        """As KMS's encryption context."""
        return self._asdict()

    @property
    def words(self) -> bytes:
        """As GCM's associated data."""
        return json.dumps(self.context, sort_keys=True, separators=(",", ":")).encode()

    @property
    def key(self) -> Key:
        """Where it lies."""
        return keys.broker_secret(ENTITIES[self.kind], self.user_id, self.client_id)


class KmsEnvelopeVault:
    """Secrets are read and written with one call to KMS each, and lie where the table's own backups reach."""

    def __init__(self, kms: "KMSClient", table: Table, key_id: str, patience: Patience | None = None) -> None:
        self._kms = kms
        self._table = table
        self._key_id = key_id
        self._patience = patience or Patience()
        keep_requests_out_of_logs()

    def put_credentials(self, user_id: str, client_id: str, credentials: Credentials) -> None:
        """Store or overwrite the permanent API credentials."""
        self._put(Belonging(user_id, client_id, CREDENTIALS), credentials)

    def credentials(self, user_id: str, client_id: str) -> Credentials:
        """Read them; raises `NotFound`."""
        owner = Belonging(user_id, client_id, CREDENTIALS)
        item = self._patience.call(lambda: self._table.get(owner.key))
        if item is None:
            raise NotFound("No credentials are stored for this broker account")
        return Credentials.model_validate_json(self._patience.call(lambda: self._open(owner, item)))

    def forget(self, user_id: str, client_id: str) -> None:
        """Remove what is stored for an account, its data keys included, in one write."""
        kinds = (Belonging(user_id, client_id, kind) for kind in ENTITIES)
        deletions = [self._table.deleting(owner.key) for owner in kinds]
        self._patience.call(lambda: self._table.transact(deletions))

    def put_session(self, user_id: str, session: Session) -> None:
        """Store the day's session over yesterday's; it goes by itself after it has died."""
        owner = Belonging(user_id, session.client_id, SESSION)
        self._put(owner, session, expires_at=int(session.expires_at.timestamp()))

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        """Sessions by (user, client id), read together; the missing are absent."""
        owners = {tuple(owner.key.values()): owner for owner in (Belonging(*name, SESSION) for name in names)}
        items = self._patience.call(lambda: self._table.get_many(owner.key for owner in owners.values()))
        sealed = {owners[item["user_id"], item["sort_key"]]: item for item in items}
        opened = self._patience.each(lambda owner: self._session(owner, sealed[owner]), sealed)
        for owner, error in opened.unless_nothing_came().failed.items():
            log.error("%s of %s of %s: %s", owner.kind, owner.client_id, owner.user_id, type(error).__name__)
        return {(owner.user_id, owner.client_id): session for owner, session in opened.read.items()}

    def _session(self, owner: Belonging, item: Item) -> Session:
        return Session.model_validate_json(self._open(owner, item))

    def _put(self, owner: Belonging, secret: Model, **more: int) -> None:
        made = self._patience.call(
            lambda: self._kms.generate_data_key(KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=owner.context)
        )
        item = {
            **owner.key,
            "entity_type": ENTITIES[owner.kind],
            "version": 1,
            "data_key": made["CiphertextBlob"],
            "sealed": seal(made["Plaintext"], secret.model_dump_json(), owner.words),
            **more,
        }
        self._patience.call(lambda: self._table.put(item))

    def _open(self, owner: Belonging, item: Mapping[str, Any]) -> str:
        """The text of an item; raises `SealBroken` for one that is not this owner's."""
        try:
            answer = self._kms.decrypt(
                KeyId=self._key_id, CiphertextBlob=bytes(item["data_key"]), EncryptionContext=owner.context
            )
        except (self._kms.exceptions.InvalidCiphertextException, self._kms.exceptions.IncorrectKeyException):
            raise SealBroken("the data key was made for something else") from None
        return unseal(answer["Plaintext"], bytes(item["sealed"]), owner.words)
