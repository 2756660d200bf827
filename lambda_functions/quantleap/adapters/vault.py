"""Users' secrets in AWS Secrets Manager: one secret for the permanent credentials, one for the day's session.

Nothing here logs a value, and no error text holds one.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from quantleap.adapters.patience import Patience, keep_requests_out_of_logs
from quantleap.domain.account import Credentials, Session
from quantleap.domain.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

log = logging.getLogger(__name__)

BATCH = 20
"""Secrets in one BatchGetSecretValue, a limit of AWS."""

BATCH_READERS = 8
"""Threads that read batches; AWS allows 100 batches a second for an account, and 10,000 single reads."""

CREDENTIALS = "api-credentials"
SESSION = "oauth-token"

GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""Not there; the second is said of a secret that is being deleted."""

BEING_DELETED = "InvalidRequestException"
"""What AWS says for a moment when a name is taken again right after its secret was deleted."""


class SecretsManagerVault:
    """Secrets are named `{prefix}/{user}/{client}/{kind}`, so a role can be limited to a stage's."""

    def __init__(self, client: "SecretsManagerClient", prefix: str, patience: Patience | None = None) -> None:
        self._client = client
        self._prefix = prefix
        self._patience = patience or Patience()
        keep_requests_out_of_logs()

    def put_credentials(self, user_id: str, client_id: str, credentials: Credentials) -> None:
        """Store or overwrite the permanent API credentials."""
        self._put(self._name(user_id, client_id, CREDENTIALS), credentials.model_dump_json())

    def credentials(self, user_id: str, client_id: str) -> Credentials:
        """Read them; raises `NotFound`."""
        value = self._patience.call(lambda: self._get(self._name(user_id, client_id, CREDENTIALS)))
        if value is None:
            raise NotFound("No credentials are stored for this broker account")
        return Credentials.model_validate_json(value)

    def forget(self, user_id: str, client_id: str) -> None:
        """Remove what is stored for an account, at once and for good."""
        for kind in (CREDENTIALS, SESSION):
            self._patience.call(partial(self._delete, self._name(user_id, client_id, kind)))

    def put_session(self, user_id: str, session: Session) -> None:
        """Store the day's session over yesterday's."""
        self._put(self._name(user_id, session.client_id, SESSION), session.model_dump_json())

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        """Sessions by (user, client id), read together; the missing are absent."""
        wanted = {self._name(*name, SESSION): name for name in names}
        values = self._batches(list(wanted))
        singly = self._patience.each(self._get, [name for name in wanted if name not in values])
        for name, error in singly.unless_nothing_came(beside=values).failed.items():
            log.error("%s: %s", name, type(error).__name__)
        found = {name: value for name, value in {**values, **singly.read}.items() if value is not None}
        read = {wanted[name]: _session(value, wanted[name][1]) for name, value in found.items()}
        for strange in (name for name, session in read.items() if session is None):
            log.error("%s: not a session of this account", self._name(*strange, SESSION))
        return {name: session for name, session in read.items() if session is not None}

    def _batches(self, names: Sequence[str]) -> dict[str, str | None]:
        """Values by name, None for the missing; what a batch could not read is left out, to be asked for singly."""
        chunks = list(batched(names, BATCH, strict=False))
        if not chunks:
            return {}
        with ThreadPoolExecutor(min(BATCH_READERS, len(chunks))) as pool:
            return {name: value for chunk in pool.map(self._batch, chunks) for name, value in chunk.items()}

    def _batch(self, names: Sequence[str]) -> dict[str, str | None]:
        try:
            answer = self._client.batch_get_secret_value(SecretIdList=list(names))
        except (ClientError, BotoCoreError):
            return {}
        missing = {error["SecretId"] for error in answer.get("Errors", ()) if error.get("ErrorCode") in GONE}
        return dict.fromkeys(missing) | {
            each["Name"]: each["SecretString"] for each in answer["SecretValues"] if "SecretString" in each
        }

    def _get(self, name: str) -> str | None:
        try:
            return self._client.get_secret_value(SecretId=name)["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise

    def _delete(self, name: str) -> None:
        try:
            self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise

    def _put(self, name: str, value: str) -> None:
        self._patience.call(lambda: self._put_once(name, value), BEING_DELETED)

    def _put_once(self, name: str, value: str) -> None:
        """Overwrite, or create; whoever loses the race to create overwrites."""
        try:
            self._client.put_secret_value(SecretId=name, SecretString=value)
        except self._client.exceptions.ResourceNotFoundException:
            try:
                self._client.create_secret(Name=name, SecretString=value)
            except self._client.exceptions.ResourceExistsException:
                self._client.put_secret_value(SecretId=name, SecretString=value)

    def _name(self, user_id: str, client_id: str, kind: str) -> str:
        return f"{self._prefix}/{user_id}/{client_id}/{kind}"


def _session(value: str, client_id: str) -> Session | None:
    """Read it; None for one that cannot be read or is another account's."""
    with suppress(ValidationError):
        session = Session.model_validate_json(value)
        if session.client_id == client_id:
            return session
    return None
