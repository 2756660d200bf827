"""The CDK app: `cdk synth -c stage=dev`, and `-c platform=local` for this machine instead of AWS."""

import sys

from aws_cdk import App

from cdk_stack.bundling import BundlingFailed, function_code
from cdk_stack.options_trading_stack import OptionsTradingStack
from cdk_stack.stage import InvalidStage, read_stage


def main() -> None:
    """Write the template of the stage that was asked for."""
    app = App()
    try:
        stage = read_stage(app.node.get_all_context())
        OptionsTradingStack(app, stage=stage, code=function_code(stage))
    except (InvalidStage, BundlingFailed) as problem:
        sys.exit(str(problem))
    app.synth()


if __name__ == "__main__":
    main()
