"""The two servers: the AWS emulator and the broker simulator."""

import os
import shutil
import sys
import time
from collections.abc import Mapping

import urllib3

from sandbox.platform import processes
from sandbox.platform.aws import ACCOUNT, REGION
from sandbox.platform.places import EMULATOR_PYTHON, LOOPBACK, ROOT, Places, Ports
from sandbox.platform.processes import Child
from sandbox.problem import Problem

PATIENCE_S = 60.0
IDLE_WORKERS_END_S = 60
INHERITED = {"PATH", "HOME", "LANG", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}


def start_emulator(places: Places, ports: Ports) -> Child:
    """Start the emulator on what its last clean stop saved."""
    shutil.rmtree(places.scratch, ignore_errors=True)
    places.scratch.mkdir(parents=True)
    known_by = f"sandbox={places.scratch.resolve()}"  # an option Python ignores and `ps` shows
    command = [str(EMULATOR_PYTHON), "-X", known_by, "-m", "ministack"]
    return processes.start("emulator", command, _emulator_environment(places, ports), places)


def _emulator_environment(places: Places, ports: Ports) -> Mapping[str, str]:
    """Its settings; functions inherit this environment, so nothing of the person's is in it."""
    return {name: os.environ[name] for name in INHERITED & os.environ.keys()} | {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(ports.gateway),
        "IOT_MTLS_ENABLED": "0",  # would listen on every interface
        "SFTP_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(places.emulator.resolve()),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(places.emulator.resolve() / "s3"),
        "TMPDIR": str(places.scratch.resolve()),
        "LAMBDA_WARM_TTL_SECONDS": str(IDLE_WORKERS_END_S),
    }


def start_broker(places: Places, ports: Ports) -> Child:
    """Start the broker simulator on what its last clean stop saved."""
    state = str(places.broker.resolve())
    command = [sys.executable, "-m", "sandbox.broker", "--port", str(ports.broker), "--state", state]
    path = f"{ROOT}:{ROOT / 'lambda_functions'}"
    return processes.start("broker", command, os.environ | {"PYTHONPATH": path}, places)


def wait_until_up(child: Child, url: str) -> None:
    """Return once the server answers; raise `Problem` with its last words when it does not."""
    http = urllib3.PoolManager(retries=False, timeout=2)
    patience = time.monotonic() + PATIENCE_S
    while child.alive and time.monotonic() < patience:
        try:
            if http.request("GET", url).status == 200:  # noqa: PLR2004 - HTTP
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise Problem(f"the {child.name} did not come up; the end of {child.log}:\n{child.last_words()}")
