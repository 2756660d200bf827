from pathlib import Path

import pytest

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.domain.broker import EVERYWHERE
from sandbox.reference import DOCS, pages


@pytest.mark.parametrize(("file", "text"), pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_a_page_made_from_the_code_says_what_the_code_says(file: Path, text: str) -> None:
    assert file.read_text() == text, "write it anew: make reference"


def test_every_code_and_phrase_of_every_broker_is_told() -> None:
    told = pages()[DOCS / "internal-docs/broker-errors.md"]

    for make in BROKERS.values():
        vocabulary = make(None).vocabulary
        assert all(f"`{code}`" in told for code in vocabulary.codes)
        assert all(f'"{phrase}"' in told for phrase, _ in (*vocabulary.phrases, *EVERYWHERE, *vocabulary.vague))
