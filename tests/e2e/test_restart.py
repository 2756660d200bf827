"""A clean stop leaves nothing running and loses nothing; a hard one leaves nothing running."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from quantleap.runtime.described import FILE
from sandbox.client import Client
from sandbox.platform import processes
from sandbox.platform.places import Places
from sandbox.platform.record import Record
from tests.e2e.actors import a_ready_user, a_template
from tests.e2e.platform import STOP_S, Platform, free_port

pytestmark = pytest.mark.e2e


def lasting(record: Record) -> object:
    """What must be the same after a restart: everything but tokens and addresses."""
    people = (record.admin._replace(token=""), record.user._replace(token=""))
    return record._replace(admin=people[0], user=people[1], base_url="", broker_url="", aws_endpoint_url="")


def test_a_clean_stop_leaves_no_process_and_a_start_on_another_port_keeps_the_data_and_all_the_code(
    platform: Platform,
) -> None:
    user, template_id = a_ready_user(platform), a_template(platform)
    subscription_id = user.subscribe(template_id)
    before = platform.record

    assert platform.stop() == 0
    assert platform.processes() == []
    platform.port = free_port()
    platform.start()

    assert Client(platform.record.base_url).get("/openapi.json").expect(200) == json.loads(FILE.read_text())
    assert lasting(platform.record) == lasting(before)
    kept = platform.partner().get(f"/partner/subscriptions/{subscription_id}").expect(200)["subscription"]
    assert (kept["template_id"], kept["status"]) == (template_id, "ACTIVE")
    assert platform.admin().get(f"/options/baskets/{template_id}").status == 200
    account = platform.partner().get(f"/partner/broker-accounts/{user.client_id}").expect(200)["broker_account"]
    assert account["ready_to_trade"] is True


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends what a killed one left")
def test_what_was_started_does_not_outlive_a_platform_that_was_killed(platform: Platform) -> None:
    platform.stop(signal.SIGKILL)
    patience = time.monotonic() + STOP_S
    while platform.processes():
        assert time.monotonic() < patience, platform.processes()
        time.sleep(0.1)

    platform.start()

    platform.partner().get("/partner/me").expect(200)


def test_a_start_ends_what_an_earlier_one_left_and_nobody_else(tmp_path: Path) -> None:
    places = Places(tmp_path)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = processes.spawn("left", [*sleep, str(tmp_path)], {}, places)
    stranger = processes.spawn("stranger", sleep, {}, places)
    places.processes.write_text(json.dumps([left.process.pid, stranger.process.pid]))

    assert processes.end_leftovers(places) == 1

    assert (left.alive, stranger.alive) == (False, True)
    stranger.stop()


def test_seeding_again_makes_nothing_twice(platform: Platform) -> None:
    names = [basket["name"] for basket in platform.admin().get("/options/baskets").expect(200)["baskets"]]
    assert len(names) == len(set(names))


def test_the_record_is_for_its_owner_alone(platform: Platform) -> None:
    assert platform.places.record.stat().st_mode & 0o777 == 0o600
