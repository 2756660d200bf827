"""`sandbox.json`: where the platform is and how to sign in, for people and programs."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, Self

from sandbox.problem import Problem


class Person(NamedTuple):
    """Somebody who signs in, and the token of the last sign-in."""

    email: str
    password: str
    token: str = ""


class PartnerKey(NamedTuple):
    """A partner's pair; the API shows the secret once, so this is the only copy."""

    api_key: str
    api_secret: str


class Record(NamedTuple):
    """What the file holds."""

    base_url: str
    broker_url: str
    partner: PartnerKey
    admin: Person
    user: Person
    user_pool_id: str
    user_pool_client_id: str
    aws_endpoint_url: str

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what a start wrote; raise `Problem` when there is nothing to read."""
        try:
            told: dict[str, Any] = json.loads(file.read_text())
            nested = {
                "partner": PartnerKey(**told["partner"]),
                "admin": Person(**told["admin"]),
                "user": Person(**told["user"]),
            }
            return cls(**(told | nested))
        except FileNotFoundError:
            raise Problem(f"there is no {file}: start the platform first, with `make run`") from None
        except (ValueError, KeyError, TypeError):
            raise Problem(f"{file} cannot be read: start the platform anew with `make run`") from None

    def write(self, file: Path) -> None:
        """Write it for its owner's eyes, whole or not at all."""
        told = self._asdict() | {name: getattr(self, name)._asdict() for name in ("partner", "admin", "user")}
        draft = file.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
            json.dump(told, output, indent=2)
            output.write("\n")
        draft.replace(file)
