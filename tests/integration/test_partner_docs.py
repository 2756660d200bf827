"""Partners' pages show what the code answers now: the story is played here, and held against them."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import boto3
import pytest

from quantleap.runtime import wiring
from quantleap.runtime.settings import settings
from sandbox.client import Client
from sandbox.platform.seed import create_basket
from sandbox.platform.templates import TEMPLATES
from sandbox.transcript.pages import PAGES, differences, places
from sandbox.transcript.story import Story
from sandbox.transcript.tables import renewed
from tests.builders import Clock
from tests.conftest import POOL_CLIENT, TIMER_ARN
from tests.integration.inprocess import InProcess, complete
from tests.unit.simulator import Hands, Remote, running

DOCS = PAGES.parent
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#([^)\s]+))?\)")
ADMIN = {"sub": "admin-1", "token_use": "id", "aud": POOL_CLIENT, "cognito:groups": "Admins"}


class Ticking(Clock):
    """No two requests come at one instant: a second one would be taken for the first, sent again."""

    def __call__(self) -> datetime:
        self.passes(milliseconds=1)
        return self.now


@pytest.fixture
def clock(deployed: object, monkeypatch: pytest.MonkeyPatch) -> Clock:
    ticking = Ticking()
    monkeypatch.setattr(wiring, "clock", ticking)
    return ticking


@pytest.fixture
def broker(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    with running(clock=Hands(clock.now)) as remote:
        monkeypatch.setenv("SIMULATED_BROKER_URL", remote.base)
        settings.cache_clear()
        yield remote


@pytest.fixture
def admin(broker: Remote) -> Client:
    """The administrator of a sandbox, with its templates on the marketplace and its state machine doing nothing."""
    boto3.client("stepfunctions").create_state_machine(
        name=TIMER_ARN.rpartition(":")[2],
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/timer",
    )
    administrator = InProcess(claims=ADMIN)
    for basket, config in TEMPLATES:
        basket_id = create_basket(administrator, basket)
        administrator.post(f"/admin/marketplace/templates/{basket_id}", config).expect(200)
    return administrator


@pytest.fixture
def story(admin: Client, clock: Clock) -> Story:
    def over(partner: Client, run_id: str) -> None:
        complete(partner, run_id)
        clock.passes(minutes=1)

    told = Story(admin, InProcess, over)
    told.play()
    return told


def test_the_pages_show_what_the_code_answers_and_all_that_is_played(story: Story) -> None:
    stale = differences(story.exchanges, story.names)

    assert stale == [], "with `make run` up, write them anew: make transcript"
    assert set(story.exchanges) == {place.name for place in places()}


def test_no_marked_place_is_left_out_for_the_way_it_is_written() -> None:
    marks = sum(page.read_text().count("<!-- played:") for page in PAGES.glob("*.md"))

    assert marks == len(list(places()))


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_a_table_made_from_the_code_says_what_the_code_says(page: Path) -> None:
    text = page.read_text()

    assert renewed(text) == text, "write it anew: make reference"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target, _, part in LINK.findall(page.read_text()):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name}: {target}"
        assert not part or part in anchors(file), f"{page.name}: {target}#{part}"


def anchors(file: Path) -> set[str]:
    """What a link may name of a page: its headings, as they are shown on the web."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
