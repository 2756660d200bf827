"""The doorway itself, with routes made up for the purpose."""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from quantleap.domain import errors, model
from quantleap.domain.account import AccountFilter
from quantleap.domain.deep_links import NewDeepLink
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.marketplace import Browse
from quantleap.domain.model import MOST_COMPLAINTS, WANTED, Model, parse
from quantleap.domain.money import Rupees
from quantleap.domain.runs import NewRun, RunFilter
from quantleap.domain.subscription import NewSubscription, OwnFilter, ReadinessFilter, SubscriptionFilter
from quantleap.runtime.api import REFUSALS, Api, Ask, Reply
from quantleap.runtime.ask import LARGEST_BODY, PLUS


class Sent(Model):
    fee: Rupees
    name: str = ""


def event(body: str | None = None, **more: Any) -> dict[str, Any]:
    context = {"requestId": "request-1", "identity": {"sourceIp": "::1"}}
    return {"httpMethod": "POST", "resource": "/things/{thing_id}", "body": body, "requestContext": context, **more}


def ask(body: str | None = None, **more: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The answer of a route that sends back what it was sent."""
    api = Api()

    @api.public("POST /things/{thing_id}")
    def echo(ask: Ask) -> Reply:
        return Reply(200, {"sent": ask.body(Sent).model_dump()})

    return read(api, event(body, **more))


def read(api: Api, sent: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
    reply = api.answer(sent)
    return reply["statusCode"], reply["headers"], json.loads(reply["body"])


def raising(error: Exception) -> tuple[int, dict[str, str], dict[str, Any]]:
    api = Api()

    @api.public("POST /things/{thing_id}")
    def fail(ask: Ask) -> Reply:
        raise error

    return read(api, event())


def writing(**body: Any) -> Any:
    api = Api()

    @api.public("POST /things/{thing_id}")
    def write(ask: Ask) -> Reply:
        return Reply(200, body)

    return api.answer(event())["body"]


def test_money_goes_in_and_comes_out_exact() -> None:
    assert ask('{"fee": 299.70}')[2]["sent"]["fee"] == 299.7
    assert ask('{"fee": 0.1}')[2]["sent"]["fee"] == 0.1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("299.70"), "299.7"),
        (Decimal("999.00"), "999"),
        (Decimal("9999999999.99"), "9999999999.99"),
        (Decimal(0), "0"),
        (datetime(2026, 11, 23, 9, 20, tzinfo=timezone(timedelta(hours=5.5))), '"2026-11-23T03:50:00Z"'),
        (datetime(2026, 11, 23, 9, 20, 0, 5000, tzinfo=timezone(timedelta(0))), '"2026-11-23T09:20:00.005Z"'),
        (frozenset({"b", "a"}), '["a", "b"]'),
    ],
)
def test_values_are_written_as_the_documents_show_them(value: object, written: str) -> None:
    assert f'"value": {written}}}' in writing(value=value)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        "nonsense",
        '{"fee": NaN}',
        '{"fee": Infinity}',
        "[" * 100_000,
        "1" * 5000,
        "[]",
        "null",
        '"text"',
        "\ud800",
        '{"fee": "\\ud800"}',
        '{"fee": 1, "name": "\\ud800"}',
        '{"fee": 1, "\\ud800": 1}',
        '{"fee": 1e999999}',
    ],
)
def test_whatever_is_sent_as_a_body_is_answered_with_400(body: str | None) -> None:
    status, _, said = ask(body)

    assert (status, said["code"], said["error"]) == (400, "invalid_request", "Invalid request parameters")
    assert said["details"]


def test_a_body_in_base64_is_read() -> None:
    assert ask(base64.b64encode(b'{"fee": 1}').decode(), isBase64Encoded=True)[0] == 200
    assert ask(base64.b64encode(b"\xff\xfe\x00").decode(), isBase64Encoded=True)[0] == 400


@pytest.mark.parametrize(
    "more", [{"httpMethod": "GET", "resource": "/nowhere"}, {"resource": ""}, {"httpMethod": None, "resource": None}]
)
def test_an_unknown_path_is_404_in_our_shape(more: dict[str, Any]) -> None:
    status, headers, said = ask("{}", **more)

    assert (status, said["code"], headers["X-Request-Id"]) == (404, "not_found", "request-1")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "post", "TRACE", "BREW"])
def test_a_method_that_a_path_does_not_have_is_405_with_those_it_has(method: str) -> None:
    status, headers, said = ask("{}", httpMethod=method)

    assert (status, said["code"], said["error"]) == (405, "method_not_allowed", "Method not allowed")
    assert (headers["Allow"], said["message"]) == ("POST", "This path has POST only")


def test_a_body_larger_than_anybody_needs_is_not_even_read() -> None:
    longest = LARGEST_BODY - len('{"name": ""}')

    assert ask('{"name": "' + "x" * longest + '"}')[0] == 400
    assert ask('{"name": "' + "x" * (longest + 1) + '"}')[0] == 413
    assert ask("A" * (LARGEST_BODY + 1), isBase64Encoded=True)[2]["code"] == "payload_too_large"


def test_a_field_given_twice_is_refused_by_name_however_deep() -> None:
    assert ask('{"fee": 1, "fee": 2}')[2]["details"] == {"fee": "Given more than once"}
    assert ask('{"fee": 1, "name": {"a": 1, "b": 2, "a": 1, "b": 3}}')[2]["details"].keys() == {"a", "b"}


@pytest.mark.parametrize("fee", ["true", "false", '"1"', '"299.70"'])
def test_a_number_is_written_as_one(fee: str) -> None:
    assert ask(f'{{"fee": {fee}}}')[2]["details"] == {"fee": "Write a number"}


def test_no_more_is_complained_of_than_anybody_reads() -> None:
    unknown = ", ".join(f'"field_{number}": 1' for number in range(MOST_COMPLAINTS + 50))

    assert len(ask(f"{{{unknown}}}")[2]["details"]) == MOST_COMPLAINTS


def test_an_event_without_anything_is_answered_too() -> None:
    assert Api().answer({})["statusCode"] == 404


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_error_has_its_status_in_the_documented_shape(kind: type[errors.QuantLeapError]) -> None:
    made: dict[type[errors.QuantLeapError], Callable[[], errors.QuantLeapError]] = {
        errors.InvalidRequest: lambda: errors.InvalidRequest({"field": "wrong"}),
        errors.LoginRefused: lambda: errors.LoginRefused("no", broker_response="Invalid api_key"),
        errors.LoginExpired: lambda: errors.LoginExpired("over", expired_at=None),
        errors.AlreadySubscribed: lambda: errors.AlreadySubscribed("sub_1"),
        errors.Throttled: lambda: errors.Throttled("Rate limit exceeded: 60 requests per minute", retry_after_s=7),
    }
    error = made[kind]() if kind in made else kind("words")

    status, headers, said = raising(error)

    assert (status, said["statusCode"]) == (REFUSALS[kind].status,) * 2
    assert {"error", "message", "code", "request_id"} <= set(said)
    assert headers["X-Request-Id"] == said["request_id"] == "request-1"


def test_a_throttled_caller_is_told_when_to_come_back() -> None:
    _, headers, said = raising(errors.Throttled("Rate limit exceeded: 60 requests per minute", retry_after_s=7))

    assert (headers["Retry-After"], said["error"]) == ("7", "Rate limit exceeded: 60 requests per minute")


def test_a_dead_login_says_since_when() -> None:
    since = datetime(2025, 10, 10, 15, 30, tzinfo=timezone(timedelta(0)))

    said = raising(errors.LoginExpired("User must complete daily OAuth login", expired_at=since))[2]

    assert (said["error"], said["token_expired_at"]) == ("OAuth token expired", "2025-10-10T15:30:00Z")


def test_a_fault_of_ours_is_500_logged_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    status, _, said = raising(RuntimeError("the password is hunter2"))

    assert (status, said["code"]) == (500, "internal_error")
    assert "hunter2" not in json.dumps(said)
    assert "RuntimeError" in caplog.text


def test_an_answer_that_cannot_be_written_is_a_fault_of_ours() -> None:
    assert json.loads(writing(value=object()))["code"] == "internal_error"


@pytest.mark.parametrize("value", ["", "a b", "a/b", "x" * 129, "é", "a\n", "%00", "a#b"])
def test_a_part_of_the_path_that_can_be_no_id_names_nothing(value: str) -> None:
    with pytest.raises(errors.NotFound, match="No such thing"):
        Ask(event(pathParameters={"thing_id": value})).id("thing_id")


def test_a_query_is_read_and_a_name_given_twice_refused() -> None:
    once = Ask(event(multiValueQueryStringParameters={"limit": ["5"], "status": ["ACTIVE"]}))
    twice = Ask(event(multiValueQueryStringParameters={"limit": ["5", "6"]}))

    assert once.query(SubscriptionFilter).limit == 5
    with pytest.raises(errors.InvalidRequest) as refusal:
        twice.query(SubscriptionFilter)
    assert refusal.value.details == {"limit": "Given more than once"}


@pytest.mark.parametrize(
    ("query", "path"),
    [({"limit": ["x"]}, "limit"), ({"status": [""]}, "status"), ({"colour": ["red"]}, "colour")],
)
def test_a_wrong_query_is_named(query: dict[str, list[str]], path: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refusal:
        Ask(event(multiValueQueryStringParameters=query)).query(SubscriptionFilter)

    assert list(refusal.value.details) == [path]


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "text/json", "application/xml", ""]
)
def test_a_body_of_another_type_is_refused(kind: str) -> None:
    status, _, body = ask('{"fee": 1}', headers={"content-type": kind})

    assert (status, body["code"], body["message"]) == (
        415,
        "unsupported_media_type",
        "Send Content-Type: application/json",
    )


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", None])
def test_json_is_json_however_it_is_written(kind: str | None) -> None:
    assert ask('{"fee": 1}', headers={"Content-Type": kind} if kind else {})[0] == 200


def test_a_body_that_is_no_utf_8_is_refused() -> None:
    for spoiled in ('{"fee": 1, "name": "Ash\ufffd"}', '{"fee": 1, "name": "Ash\udcff"}'):
        assert ask(spoiled)[2]["details"] == {"body": "Write a JSON object"}
    packed = base64.b64encode(b'{"fee": 1, "name": "Ash\xff"}').decode()
    assert ask(packed, isBase64Encoded=True)[2]["details"] == {"body": "Write a JSON object"}


def test_every_answer_keeps_browsers_from_guessing_and_from_http() -> None:
    for _, headers, _ in (ask('{"fee": 1}'), ask("[]"), raising(RuntimeError("a fault"))):
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"


def query(model: type[BaseModel], **names: str) -> dict[str, Any]:
    api = Api()

    @api.public("POST /things/{thing_id}")
    def look(ask: Ask) -> Reply:
        return Reply(200, {"read": ask.query(model).model_dump(mode="json")})

    return read(api, event(multiValueQueryStringParameters={name: [value] for name, value in names.items()}))[2]


def test_a_plus_that_an_address_turned_into_a_space_is_told_of() -> None:
    for at in ("2026-11-24T09:20:00 05:30", "2026-11-24T09:20:00 0530"):
        assert query(ReadinessFilter, at=at)["details"] == {"at": PLUS}
    assert query(ReadinessFilter, at="2026-11-24T09:20:00+05:30")["read"]["at"] == "2026-11-24T09:20:00+05:30"


@pytest.mark.parametrize("odd", ["1_0", "+10", " 10", "10.0", "1e1", "\u0661\u0660"])
@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Browse, "page"),
        (Browse, "per_page"),
        (SubscriptionFilter, "limit"),
        (ReadinessFilter, "limit"),
        (RunFilter, "limit"),
        (AccountFilter, "limit"),
    ],
)
def test_a_number_in_an_address_is_digits(model: type[BaseModel], name: str, odd: str) -> None:
    assert query(model, **{name: odd})["details"] == {name: "Write a whole number in digits"}
    assert query(model, **{name: "10"})["read"][name] == 10


@pytest.mark.parametrize(
    "model", [OwnFilter, SubscriptionFilter, ReadinessFilter, NewRun, NewSubscription, NewDeepLink]
)
def test_a_template_has_two_names_wherever_it_is_asked_for(model: type[BaseModel]) -> None:
    rest = {"user_email": "asha@example.com", "broker_client_id": "ASHA1"} if "user_email" in model.model_fields else {}
    more = {name: value for name, value in rest.items() if name in model.model_fields}

    assert parse(model, more | {"template_basket_id": "bsk_1"}).template_id == "bsk_1"  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequest):
        parse(model, more | {"template_id": "bsk_1", "template_basket_id": "bsk_2"})


def test_a_complaint_says_what_is_wanted_and_quotes_no_pattern() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(NewSubscription, {"template_id": "?", "broker_client_id": "!", "user_email": "asha@example.com"})

    assert refusal.value.details == {
        "template_id": "Write an id of ours: 2 to 128 letters, digits, - and _",
        "broker_client_id": "Write 2 to 40 letters, digits, - and _",
    }


def test_every_pattern_of_the_rules_has_its_words() -> None:
    written = "".join(file.read_text() for file in Path(model.__file__).parent.glob("*.py"))

    assert set(re.findall(r'pattern=r"([^"]+)"', written)) <= WANTED.keys()
