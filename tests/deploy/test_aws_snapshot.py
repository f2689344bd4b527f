"""The released templates: what a team deploys without Python or node, and what a reviewer reads of a change."""

from __future__ import annotations

import difflib

from deploy.aws.__main__ import HERE
from deploy.aws.steps import BESIDE, removal, script
from tests.deploy.deployments import Synthesised

RELEASED = HERE / "templates"


def test_the_released_templates_are_those_of_the_code(plain: Synthesised) -> None:
    """`deploy/aws/templates/` is what the code makes of the shipped configuration; `make aws-templates` writes it."""
    released = {path.name.removesuffix(".template.json"): path.read_text("utf-8") for path in RELEASED.glob("*.json")}
    changed = [
        line
        for name in sorted(released.keys() | plain.texts.keys())
        for line in difflib.unified_diff(
            released.get(name, "").splitlines(),
            plain.texts.get(name, "").splitlines(),
            f"released/{name}",
            f"code/{name}",
            lineterm="",
            n=2,
        )
    ]
    assert not changed, "run make aws-templates and read what changed:\n" + "\n".join(changed[:200])


def test_the_released_scripts_are_those_of_the_code(plain: Synthesised) -> None:
    """Whoever has the folder, the zips, `sh` and `aws` can deploy: the scripts lie beside the templates."""
    assert (RELEASED / "deploy.sh").read_text("utf-8") == script(plain.config, BESIDE)
    assert (RELEASED / "remove.sh").read_text("utf-8") == removal(plain.config)
