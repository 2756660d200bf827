"""Who signs in: accounts in the user pool, their passwords drawn at random."""

import secrets
import string
from contextlib import suppress

from botocore.exceptions import ClientError

from sandbox.platform.aws import Aws
from sandbox.platform.record import Person
from sandbox.platform.stack import Stack
from sandbox.problem import Problem

ADMINS = "Admins"
PASSWORD_LENGTH = 24
SYMBOLS = "_."


def signed_in(aws: Aws, stack: Stack, person: Person, *groups: str) -> Person:
    """The person with a fresh token; the account is made, or its password set, where that is needed."""
    token = _token(aws, stack, person)
    if token is None:
        person = person._replace(password=_new_password())
        _make(aws, stack, person, groups)
        token = _token(aws, stack, person)
    if token is None:
        raise Problem(f"{person.email} cannot sign in although the account was just made")
    return person._replace(token=token)


def sign_in(aws: Aws, client_id: str, person: Person) -> str:
    """The identity token of a sign-in with e-mail address and password."""
    answer = aws.cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )
    return answer["AuthenticationResult"]["IdToken"]


def _token(aws: Aws, stack: Stack, person: Person) -> str | None:
    try:
        return sign_in(aws, stack.client_id, person) if person.password else None
    except ClientError:
        return None


def _make(aws: Aws, stack: Stack, person: Person, groups: tuple[str, ...]) -> None:
    pool, name = stack.pool_id, person.email
    with suppress(aws.cognito.exceptions.UsernameExistsException):  # made by a start whose password was lost
        aws.cognito.admin_create_user(
            UserPoolId=pool,
            Username=name,
            UserAttributes=[{"Name": "email", "Value": name}, {"Name": "email_verified", "Value": "true"}],
            MessageAction="SUPPRESS",
        )
    aws.cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=person.password, Permanent=True)
    for group in groups:
        aws.cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)


def _new_password() -> str:
    """At least one of each kind the pool asks for."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)
    drawn = [secrets.choice(kind) for kind in kinds]
    drawn += [secrets.choice("".join(kinds)) for _ in range(PASSWORD_LENGTH - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)
