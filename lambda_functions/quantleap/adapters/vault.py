"""Users' secrets in AWS Secrets Manager: one secret for the permanent credentials, one for the day's session.

Nothing here logs, and no error text holds a value.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import batched, chain
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from quantleap.domain.account import Credentials, Session
from quantleap.domain.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

BATCH = 20
"""Secrets in one BatchGetSecretValue, a limit of AWS."""

READERS = 8
"""Threads that read together; AWS allows 100 batches a second for an account."""

CREDENTIALS = "api-credentials"
SESSION = "oauth-token"


class SecretsManagerVault:
    """Secrets are named `{prefix}/{user}/{client}/{kind}`, so a role can be limited to a stage's."""

    def __init__(self, client: "SecretsManagerClient", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def put_credentials(self, user_id: str, client_id: str, credentials: Credentials) -> None:
        """Store or overwrite the permanent API credentials."""
        self._put(self._name(user_id, client_id, CREDENTIALS), credentials.model_dump_json())

    def credentials(self, user_id: str, client_id: str) -> Credentials:
        """Read them; raises `NotFound`."""
        value = self._get(self._name(user_id, client_id, CREDENTIALS))
        if value is None:
            raise NotFound("No credentials are stored for this broker account")
        return Credentials.model_validate_json(value)

    def forget(self, user_id: str, client_id: str) -> None:
        """Remove what is stored for an account that came to nothing."""
        for kind in (CREDENTIALS, SESSION):
            with suppress(self._client.exceptions.ResourceNotFoundException):
                self._client.delete_secret(
                    SecretId=self._name(user_id, client_id, kind), ForceDeleteWithoutRecovery=True
                )

    def put_session(self, user_id: str, session: Session) -> None:
        """Store the day's session over yesterday's."""
        self._put(self._name(user_id, session.client_id, SESSION), session.model_dump_json())

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        """Sessions by (user, client id), read together; the missing are absent."""
        wanted = {self._name(*name, SESSION): name for name in names}
        chunks = list(batched(wanted, BATCH, strict=False))
        if not chunks:
            return {}
        with ThreadPoolExecutor(min(READERS, len(chunks))) as pool:
            found = chain.from_iterable(pool.map(self._batch, chunks))
            return {wanted[name]: Session.model_validate_json(value) for name, value in found}

    def _batch(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Values by name; what the batch could not read is asked for singly, where AWS allows far more."""
        try:
            answer = self._client.batch_get_secret_value(SecretIdList=list(names))
        except ClientError:
            return list(self._singly(names))
        read = {secret["Name"]: secret["SecretString"] for secret in answer["SecretValues"]}
        missing = {
            error["SecretId"]
            for error in answer.get("Errors", ())
            if error.get("ErrorCode") == "ResourceNotFoundException"
        }
        left = [name for name in names if name not in read and name not in missing]
        return [*read.items(), *self._singly(left)]

    def _singly(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """One that cannot be read counts as missing: one user's trouble must not stop the others."""
        for name in names:
            with suppress(ClientError):
                value = self._get(name)
                if value is not None:
                    yield name, value

    def _get(self, name: str) -> str | None:
        try:
            return self._client.get_secret_value(SecretId=name)["SecretString"]
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def _put(self, name: str, value: str) -> None:
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
