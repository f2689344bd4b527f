"""What a function may rely on of the Lambda of these tests, seen with AWS's own runtime client and a function of ours.

It stands for Lambda in the tests beside, so it is held to Lambda's documented words first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.lambda_runtime import MOST_ANSWER, LambdaRuntime

FUNCTION = """
import os, sys, time
seen = 0
def handler(event, context):
    global seen
    seen += 1
    if event.get("fail"):
        raise ValueError("no such thing")
    if event.get("exit"):
        os._exit(3)
    time.sleep(event.get("sleep", 0))
    return {"seen": seen, "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn,
            "id": context.aws_request_id, "env": dict(os.environ), "path": sys.path, "long": "x" * event.get("long", 0)}
"""
FunctionOf = Callable[..., LambdaRuntime]


@pytest.fixture
def function_of(delivery_code: Path, tmp_path: Path) -> Iterator[FunctionOf]:
    """Make functions of a text; the runtime client is that of the bundle."""
    made: list[LambdaRuntime] = []

    def make(text: str = FUNCTION, **options: Any) -> LambdaRuntime:
        code = tmp_path / f"code-{len(made)}"
        code.mkdir()
        (code / "it.py").write_text(text)
        log = tmp_path / f"log-{len(made)}"
        made.append(LambdaRuntime(code, "it.handler", log, runtime=delivery_code, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_one_process_takes_one_event_after_another(function_of: FunctionOf) -> None:
    """It stays warm, and knows by what and until when it is asked."""
    function = function_of(timeout=20)
    first, second = function.invoke({}).answer(), function.invoke({}).answer()
    assert (first["seen"], second["seen"]) == (1, 2)
    assert 15_000 < first["left"] <= 20_000
    assert first["id"] != second["id"]
    assert first["arn"] == "arn:aws:lambda:eu-west-1:123456789012:function:imagemill-test"


def test_nothing_of_the_tests_reaches_it(function_of: FunctionOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither variables nor packages: only the code and Python's own library."""
    monkeypatch.setenv("IMAGEMILL_LIMITS__QUEUE", "7")
    found = function_of(env={"OURS": "1"}).invoke({}).answer()
    assert found["env"]["OURS"] == "1"
    assert not [name for name in found["env"] if name.startswith(("IMAGEMILL_", "VIRTUAL_ENV", "PYTEST"))]
    assert not [place for place in found["path"] if "site-packages" in place]


def test_an_exception_becomes_an_error_document(function_of: FunctionOf) -> None:
    """And the process lives on."""
    function = function_of()
    failed = function.invoke({"fail": True})
    assert failed.error is not None
    assert (failed.error["errorType"], failed.error["errorMessage"]) == ("ValueError", "no such thing")
    assert function.invoke({}).answer()["seen"] == 2


def test_over_its_time_the_process_is_ended(function_of: FunctionOf) -> None:
    """The next event finds a new one."""
    function = function_of(timeout=20.0)
    assert function.invoke({}).answer()["seen"] == 1
    function.timeout = 1.0
    late = function.invoke({"sleep": 30})
    assert late.error is not None
    assert late.error["errorType"] == "Sandbox.Timedout"
    assert late.error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert function.pid is None
    function.timeout = 20.0
    assert function.invoke({}).answer()["seen"] == 1


def test_a_process_that_ends_fails_its_event_alone(function_of: FunctionOf) -> None:
    """As a crash of a C library would."""
    function = function_of()
    crashed = function.invoke({"exit": True})
    assert crashed.error is not None
    assert crashed.error["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in crashed.error["errorMessage"]
    assert function.invoke({}).answer()["seen"] == 1


def test_answers_over_6_mb_are_not_taken(function_of: FunctionOf) -> None:
    """The wall that redirects go around."""
    function = function_of()
    assert len(function.invoke({"long": 6_000_000}).answer()["long"]) == 6_000_000
    refused = function.invoke({"long": MOST_ANSWER})
    assert refused.error is not None
    assert refused.error["errorType"] == "Function.ResponseSizeTooLarge"
    assert function.invoke({}).answer()["seen"] == 1  # the client gave up, and a new process came


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("import nothing_of_that_name", "Runtime.ImportModuleError"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("x = 1", "Runtime.HandlerNotFound"),
        ("raise RuntimeError('not today')", "RuntimeError"),
    ],
)
def test_code_that_cannot_start_says_why(text: str, kind: str, function_of: FunctionOf) -> None:
    """The start fails with a document, and so does each event."""
    function = function_of(text)
    failed = function.invoke({})
    assert failed.error is not None
    assert failed.error["errorType"] == kind
