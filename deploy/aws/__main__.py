"""`python -m deploy.aws`: write the CloudFormation templates of a configuration and say what they hold.

Beside them go the two scripts that deploy and remove them, so that the folder needs neither Python nor node any more.

Run by `make aws-synth` (into build/) and `make aws-templates` (into the released snapshot beside this file).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "aws" / "templates"


def main(arguments: list[str] | None = None) -> int:
    """Write `<stack>.template.json` for every stack; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.aws", description="Write the CloudFormation templates.")
    parser.add_argument("--config", type=Path, default=HERE / "config.toml", help="the settings to read")
    parser.add_argument("--out", type=Path, default=BUILD, help="the folder to write to")
    chosen = parser.parse_args(arguments)
    if shutil.which("node") is None:
        print("make aws-synth needs node (22 or newer) on the PATH: AWS CDK runs on it.", file=sys.stderr)
        return 3
    quiet_cdk()
    from deploy.aws.app import synthesise
    from deploy.aws.config import ConfigError
    from deploy.aws.config_file import load
    from deploy.aws.steps import BESIDE, removal, script

    try:
        config = load(chosen.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    chosen.out.mkdir(parents=True, exist_ok=True)
    for stale in chosen.out.glob("*.template.json"):
        stale.unlink()
    print(f"{'stack':<12} {'resources':>9} {'bytes':>9}  region")
    for written in synthesise(config):
        path = chosen.out / f"{written.name}.template.json"
        path.write_text(written.text, "utf-8")
        print(f"{written.name:<12} {written.resources:>9} {path.stat().st_size:>9}  {written.region}")
        for note in written.notes:
            print(f"{'':<12} not static at the edge: {note}")
    (chosen.out / "deploy.sh").write_text(script(config, BESIDE), "utf-8")
    (chosen.out / "remove.sh").write_text(removal(config), "utf-8")
    print(f"in {os.path.relpath(chosen.out)}, with deploy.sh and remove.sh: read them, then run them")
    return 0


def quiet_cdk() -> None:
    """Keep CDK's banner about an old node out of the output; must run before aws_cdk is imported."""
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20")
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")


if __name__ == "__main__":
    sys.exit(main())
