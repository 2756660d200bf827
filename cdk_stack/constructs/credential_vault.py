"""Where users' broker secrets are kept, and who may do what with them."""

from enum import Enum
from typing import NamedTuple

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_stack.stage import Stage as StageSettings

ON_EVERYTHING = {"BatchGetSecretValue"}
"""Actions AWS ties to no resource; each value fetched still needs GetSecretValue on its own secret."""

OWNER = ("user_id", "client_id")
"""What every use of the key has to name, beside the kind of secret."""


class Rights(NamedTuple):
    """Actions on the stage's secrets of a name, and on its key for which kinds of secret."""

    secrets: tuple[str, ...]
    named: str
    key: tuple[tuple[str, tuple[str, ...]], ...]


class Use(Enum):
    """What a function does with the vault."""

    KEEP = Rights(
        ("CreateSecret", "PutSecretValue", "GetSecretValue", "DeleteSecret"),
        "*",
        (("GenerateDataKey", ("credentials", "session")), ("Decrypt", ("credentials",))),
    )
    """Store both kinds, and read credentials to log in with."""
    UNLOCK = Rights(
        ("GetSecretValue", "BatchGetSecretValue"),
        "*/oauth-token-*",
        (("Decrypt", ("session",)),),
    )
    """Read sessions to trade with."""


class CredentialVault(Construct):
    """Secrets Manager, or a key under which the functions seal items of the table; never both."""

    def __init__(self, scope: Construct, id_: str, *, stage: StageSettings) -> None:
        super().__init__(scope, id_)
        self._folder = stage.secret_prefix
        self._key = self._made_key(stage) if stage.credential_vault == "kms_envelope" else None

    @property
    def key_id(self) -> str | None:
        """The key, where there is one."""
        return self._key.key_arn if self._key else None

    def grant(self, grantee: iam.IGrantable, use: Use) -> None:
        """Allow one use, and nothing beside it."""
        if self._key is None:
            self._grant_secrets(grantee, use.value)
        else:
            for action, kinds in use.value.key:
                _grant_key(grantee, self._key, action, kinds)

    def _made_key(self, stage: StageSettings) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            alias=f"{stage.prefix}-credential-vault",
            description=f"Seals users' broker credentials and sessions, stage {stage.name}",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )

    def _grant_secrets(self, grantee: iam.IGrantable, rights: Rights) -> None:
        own = Stack.of(self).format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{self._folder}/{rights.named}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for action in rights.secrets:
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=[f"secretsmanager:{action}"],
                resource_arns=["*" if action in ON_EVERYTHING else own],
            )


def _grant_key(grantee: iam.IGrantable, key: kms.Key, action: str, kinds: tuple[str, ...]) -> None:
    """Only with a context that names an owner and one of these kinds, and says nothing else."""
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[f"kms:{action}"],
        resource_arns=[key.key_arn],
        conditions={
            "StringEquals": {"kms:EncryptionContext:kind": list(kinds)},
            "Null": {f"kms:EncryptionContext:{name}": "false" for name in OWNER},
            "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": [*OWNER, "kind"]},
        },
    )
