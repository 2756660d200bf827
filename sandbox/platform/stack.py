"""The stack on the emulator: deployed when it changed, its functions updated when only they did."""

import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

from botocore.exceptions import ClientError

from cdk_stack.bundling import own_code
from sandbox.platform import tools
from sandbox.platform.aws import ACCOUNT, REGION, Aws
from sandbox.platform.fingerprints import Fingerprint, fingerprint
from sandbox.platform.places import ROOT, Places, Ports
from sandbox.platform.steps import Steps

MARK = "/sandbox/deployed"
"""A parameter kept by the emulator itself, so it is as old or as new as what it speaks of."""

STAGE = "dev"
TTL_ATTRIBUTE = "expires_at"


class Stack(NamedTuple):
    """Where the deployed parts are."""

    base_url: str
    pool_id: str
    client_id: str

    @classmethod
    def of(cls, outputs: Mapping[str, str], ports: Ports) -> Self:
        """Read a stack's outputs; the emulator serves an API below a path of its own."""
        api = f"{ports.gateway_url}/restapis/{outputs['ApiId']}/{outputs['ApiStage']}/_user_request_"
        return cls(api, outputs["UserPoolId"], outputs["UserPoolClientId"])


def deploy(aws: Aws, places: Places, ports: Ports, steps: Steps) -> Stack:
    """Bring the emulator to what the files say, doing as little as that takes."""
    wanted, standing = fingerprint(ports), _standing(aws)
    if standing is None or standing.infrastructure != wanted.infrastructure:
        _deploy_everything(aws, places, ports, steps, wanted)
    if standing is not None and standing != wanted:
        with steps.step("update the functions"):
            _update_functions(aws)
    outputs = _outputs(aws)
    if standing != wanted:
        _expire_items(aws, outputs["TableName"])
        aws.parameters.put_parameter(Name=MARK, Value=str(wanted), Type="String", Overwrite=True)
    return Stack.of(outputs, ports)


def _deploy_everything(aws: Aws, places: Places, ports: Ports, steps: Steps, wanted: Fingerprint) -> None:
    with ExitStack() as running:
        bootstrap = None
        if not _exists(aws, "CDKToolkit"):
            arguments = ["bootstrap", f"aws://{ACCOUNT}/{REGION}"]
            bootstrap = running.enter_context(tools.cdk(arguments, places, ports))
        if not _synthesised(places, wanted):
            with steps.step("synthesise the stack"):
                _synthesise(places, ports, wanted)
        if bootstrap is not None:
            with steps.step("prepare the account for deployments"):
                tools.finish(bootstrap)
    arguments = ["deploy", "--app", str(places.template.resolve()), "--require-approval", "never"]
    with steps.step("deploy the stack"), tools.cdk(arguments, places, ports) as deployment:
        tools.finish(deployment)


def _synthesised(places: Places, wanted: Fingerprint) -> bool:
    mark = places.template / "fingerprint"
    return mark.exists() and mark.read_text() == str(wanted)


def _synthesise(places: Places, ports: Ports, wanted: Fingerprint) -> None:
    context = {"stage": STAGE, "platform": "local", "simulated_broker_url": ports.broker_url}
    settings = [part for name, value in context.items() for part in ("-c", f"{name}={value}")]
    with tools.cdk(
        ["synth", "--quiet", "--output", str(places.template.resolve()), *settings], places, ports
    ) as synthesis:
        tools.finish(synthesis)
    (places.template / "fingerprint").write_text(str(wanted))


def _standing(aws: Aws) -> Fingerprint | None:
    """What the emulator runs, or None for nothing whole."""
    try:
        mark = aws.parameters.get_parameter(Name=MARK)["Parameter"]["Value"]
    except aws.parameters.exceptions.ParameterNotFound:
        return None
    return Fingerprint(*mark.split()) if _exists(aws, _stack_name()) else None


def _stack_name() -> str:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return f"{context['project']}-{STAGE}"


def _exists(aws: Aws, name: str) -> bool:
    try:
        stacks = aws.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return False
    return bool(stacks) and stacks[0]["StackStatus"].endswith("_COMPLETE")


def _outputs(aws: Aws) -> dict[str, str]:
    stack = aws.cloudformation.describe_stacks(StackName=_stack_name())["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _update_functions(aws: Aws) -> None:
    """Give every function the code of now."""
    archive = packed(own_code())
    for page in aws.functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["Handler"].startswith("quantleap."):
                aws.functions.update_function_code(FunctionName=function["FunctionName"], ZipFile=archive)


def packed(folder: Path) -> bytes:
    """A folder as a function's code: every file of it, as the first deployment carries it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as asset:
        for file in sorted(folder.rglob("*")):
            asset.write(file, file.relative_to(folder))
    return archive.getvalue()


def _expire_items(aws: Aws, table: str) -> None:
    """Turn on what the emulator leaves off although the template asks for it."""
    found = aws.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if found.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
        aws.dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        )
