"""Both deployments that the tests look at, each synthesised once: as it comes, and with everything chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from deploy.aws.__main__ import quiet_cdk
from deploy.aws.config import Config
from tests.deploy.deployments import Synthesised, everything
from tests.tools import need

if TYPE_CHECKING:  # it brings moto, which few of these tests need
    from tests.deploy.rehearsal import Deployed


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


@pytest.fixture(scope="module")
def account(plain: Synthesised, full: Synthesised) -> Iterator[dict[str, Deployed]]:
    """An account with both deployments in it; one for a module, as it is played inside of this process."""
    from tests.deploy.rehearsal import played

    with played(plain, full) as (first, second):
        yield {"plain": first, "full": second}


@pytest.fixture(params=["plain", "full"])
def deployed(request: pytest.FixtureRequest, account: dict[str, Deployed]) -> Deployed:
    """Each of both."""
    return account[request.param]
