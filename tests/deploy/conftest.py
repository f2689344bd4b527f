"""Both deployments that the tests look at, each synthesised once: as it comes, and with everything chosen."""

from __future__ import annotations

import pytest
from deploy.aws.__main__ import quiet_cdk
from deploy.aws.config import Config
from tests.deploy.deployments import Synthesised, everything
from tests.tools import need


def _synthesised(config: Config) -> Synthesised:
    need("node", "nodejs")
    quiet_cdk()
    from deploy.aws.app import synthesise

    return Synthesised(config, {written.name: written.text for written in synthesise(config)})


@pytest.fixture(scope="session")
def plain() -> Synthesised:
    """The deployment of the shipped configuration: what is released."""
    return _synthesised(Config())


@pytest.fixture(scope="session")
def full() -> Synthesised:
    """A deployment with every choice made otherwise."""
    return _synthesised(everything())
