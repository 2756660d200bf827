"""What each broker can do, as data: the rules read from it, and that the table is whole."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters.brokers.directory import BROKERS, capabilities
from quantleap.domain.broker import EVERYWHERE, BadInput, BrokerFailure, InsufficientFunds, Unknown, Vocabulary
from quantleap.domain.capabilities import (
    EXCHANGE_PACE,
    Binding,
    Budget,
    Capability,
    LoginRule,
    Pace,
    TagRule,
    TokenRule,
)
from quantleap.domain.ids import order_tag

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""08:30 IST."""


@pytest.mark.parametrize(
    ("rule", "at", "ends"),
    [
        (TokenRule(time(6)), AT, datetime(2026, 11, 24, 0, 30, tzinfo=UTC)),
        (TokenRule(time(6)), AT - timedelta(hours=4), datetime(2026, 11, 23, 0, 30, tzinfo=UTC)),
        (TokenRule(time(3, 30)), AT, datetime(2026, 11, 23, 22, 0, tzinfo=UTC)),
        (TokenRule(time(0)), AT, datetime(2026, 11, 23, 18, 30, tzinfo=UTC)),
        (TokenRule(time(0), timedelta(hours=12)), AT, AT + timedelta(hours=12)),
        (TokenRule(time(0), timedelta(hours=24)), AT, datetime(2026, 11, 23, 18, 30, tzinfo=UTC)),
    ],
    ids=["next six", "this six", "half past three", "midnight", "twelve hours", "midnight first"],
)
def test_a_token_dies_at_its_hour_or_at_the_end_of_its_life(rule: TokenRule, at: datetime, ends: datetime) -> None:
    assert rule.ends(at) == ends


@given(st.integers(0, 100_000_000), st.times())
def test_a_token_never_dies_before_it_lives_nor_after_a_day(seconds: int, hour: time) -> None:
    at = AT + timedelta(seconds=seconds)

    assert at < TokenRule(hour).ends(at) <= at + timedelta(days=1)


def test_a_budget_makes_the_next_call_wait_for_the_tightest_pace() -> None:
    budget = Budget((Pace(2, 10), Pace(3, 60)))

    assert budget.wait_s([], 100) == 0
    assert budget.wait_s([99], 100) == 0
    assert budget.wait_s([98, 99], 100) == 8
    assert budget.wait_s([50, 89, 91], 100) == 10
    assert budget.wait_s([20, 30, 39], 100) == 0


def test_no_broker_lets_an_account_go_faster_than_the_exchange() -> None:
    sent = [100 + n / 100 for n in range(EXCHANGE_PACE.calls)]

    for capability in capabilities():
        assert capability.orders.wait_s(sent, 100.2) > 0.79


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0, 50))
def test_who_waits_as_told_keeps_every_pace(gaps: list[float], start: float) -> None:
    budget, sent, now = Budget((Pace(3, 2), Pace(5, 30))), list[float](), start
    for gap in gaps:
        now += gap
        now += budget.wait_s(sent, now)
        sent.append(now)

    for pace in (*budget.paces, EXCHANGE_PACE):
        for first, last in zip(sent, sent[pace.calls :], strict=False):
            assert last - first >= pace.seconds - 1e-6


@pytest.mark.parametrize(
    ("tag", "fits"), [("ql1", True), ("a" * 20, True), ("a" * 21, False), ("", False), ("a-b", False), ("ä", False)]
)
def test_a_tag_fits_by_length_and_alphabet(tag: str, fits: bool) -> None:  # noqa: FBT001
    assert TagRule(20).fits(tag) is fits


def test_a_code_is_found_by_its_names_in_any_case() -> None:
    rule = LoginRule(Binding.STATE, ("request_token", "code"))

    assert rule.code({"Request_Token": "7", "code": "8"}) == "7"
    assert rule.code({"CODE": "8", "request_token": ""}) == "8"
    assert rule.code({"state": "9"}) is None


@pytest.mark.parametrize("capability", capabilities(), ids=lambda capability: capability.broker_id)
class TestTheTable:
    def test_a_row_is_its_brokers(self, capability: Capability) -> None:
        broker = BROKERS[capability.broker_id](None)

        assert broker.name == capability.broker_id
        assert broker.base_url.startswith("https://")

    def test_our_tags_fit(self, capability: Capability) -> None:
        assert capability.tag.fits(order_tag("run/sub/0/0/0"))

    def test_what_is_unconfirmed_is_a_field(self, capability: Capability) -> None:
        assert set(capability.unconfirmed) <= set(Capability.model_fields)

    def test_a_row_can_be_shown(self, capability: Capability) -> None:
        assert Capability.model_validate_json(capability.model_dump_json()) == capability

    def test_every_word_of_a_broker_can_be_found(self, capability: Capability) -> None:
        words: Vocabulary = BROKERS[capability.broker_id](None).vocabulary

        assert all(code == code.lower() for code in words.codes)
        for phrase, kind in (*words.phrases, *EVERYWHERE, *words.vague):
            assert phrase == " ".join(phrase.split()).lower()
            assert type(words.failure(f"so  {phrase.upper().replace(' .. ', ' 1.2.3.4 IS ')} !")) is kind, phrase
        for code, kind in words.codes.items():
            assert type(words.failure("said", code.upper())) is kind


def test_a_text_without_a_known_phrase_keeps_the_codes_meaning() -> None:
    words = Vocabulary({"e1": BadInput, "e2": Unknown}, (("no money", InsufficientFunds),))

    assert type(words.failure("odd", "E1")) is BadInput
    assert type(words.failure("No  MONEY", "e1")) is InsufficientFunds
    assert type(words.failure("No  MONEY", "e2")) is Unknown
    assert words.failure("", "").text == "refused without a reason"


def kinds(base: type[BrokerFailure] = BrokerFailure) -> list[type[BrokerFailure]]:
    """Those that have a word of their own."""
    own = [base] if "reason" in vars(base) else []
    return [*own, *(kind for child in base.__subclasses__() for kind in kinds(child))]


def test_each_failure_has_a_word_and_a_sentence_of_its_own() -> None:
    assert len({kind.reason for kind in kinds()}) == len({kind.user_message for kind in kinds()}) == len(kinds())
    assert {kind.reason for kind in kinds() if kind.retry} == {"rate_limited", "not_sent"}
