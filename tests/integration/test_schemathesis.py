"""Whatever is asked of the API in process: no fault, no status or field that the document does not have."""

import logging
from pathlib import Path

import pytest

from quantleap.runtime import wiring
from tests.examiner import Identity, examine
from tests.fakes import in_memory
from tests.integration.served import TOKEN, served
from tests.integration.test_api import Login
from tests.integration.world import World, a_stage, build, claims


def test_nothing_that_is_asked_is_answered_other_than_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    login, rates = Login(), in_memory().rates
    monkeypatch.setattr(wiring, "http", lambda: login)
    monkeypatch.setattr(wiring, "buckets", lambda: rates)  # counting in moto takes as long as all else
    with a_stage(), served(claims("meera", group="Admins")) as base_url:
        verdict = examine(base_url, identity(build()), tmp_path, examples=2)

    assert verdict.passed, verdict.report


def identity(world: World) -> Identity:
    """The world's partner, and its user made an administrator, with the names of what is theirs."""
    own = world.partner.headers
    names = {*world.of_partner, *world.of_user} - {"user_id"}
    known = {name: [each[name] for each in (world.of_partner, world.of_user) if name in each] for name in names}
    known["basket_id"] = known["template_id"]
    return Identity(own["Authorization"].removeprefix("Bearer "), own["X-Partner-Secret"], TOKEN, known)
