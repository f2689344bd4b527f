"""Several serving processes on one node, as `imagemill serve --http N` runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serving import RunningServer, all_below, environment, serving
from tests.serving import free_port as any_port
from tests.supervision.nodes import (
    SECONDS,
    Load,
    ask_at_once,
    holder_of,
    is_alive,
    node,
    process_of,
    said,
    serving_pids,
    until,
)

PROCESSES = 4
MADE = "imagemill_variants_made_total"


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Four processes that serve the sample photos."""
    with node(tmp_path_factory.mktemp("four"), PROCESSES) as server:
        yield server


def made(server: RunningServer) -> float:
    """Return how many variants were made, by all processes and formats."""
    text = httpx.get(server.url + "/metrics", trust_env=False, timeout=SECONDS).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(MADE))


def test_200_first_askers_over_four_processes_cause_one_transcode(four: RunningServer) -> None:
    """Whoever is not first waits for the variant, in its process or in another, and gets the same bytes."""
    before = made(four)
    answers = ask_at_once(f"{four.url}/img/w=431,fm=avif/rocket.jpg", 200)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert len({process_of(answer) for answer in answers}) > 1, "all askers came to one process"
    statuses = [answer.headers["cache-status"] for answer in answers]
    assert sum("detail=made" in status for status in statuses) == 1
    assert any("collapsed" in status for status in statuses)
    until(lambda: made(four) > before, "it is not counted")  # a process may say a second late what it counted
    assert made(four) - before == 1


def test_connections_are_spread_over_the_processes(four: RunningServer) -> None:
    """Whoever opens many connections at once, as a proxy does, has them in all processes."""
    counts = Counter(map(process_of, ask_at_once(f"{four.url}/healthz/live", 100)))
    assert len(counts) == PROCESSES
    assert max(counts.values()) < 60


def test_another_process_makes_what_a_killed_one_began(four: RunningServer) -> None:
    """Who waits in another process gets its answer though the maker was killed; a process takes its place."""
    for width in range(3600, 3620):  # where the killed one had answered already, once more
        url = f"{four.url}/img/w={width},h=2900,enlarge=1,fm=avif,q=90/hubble.jpg"
        killed, good = with_the_maker_killed(four, url)
        assert {answer.status_code for answer in good} == {200}
        assert len({answer.content for answer in good}) == 1
        if killed and any("detail=made" in answer.headers["cache-status"] for answer in good):
            break
    else:
        pytest.fail("the killed ones had answered")
    assert httpx.get(url, trust_env=False, timeout=SECONDS).status_code == 200
    until(lambda: len(set(serving_pids(four)) - {killed}) == PROCESSES, "it was not replaced")
    assert any(line["pid"] == killed and line["how"] == "SIGKILL" for line in said(four, "process.lost"))


def with_the_maker_killed(four: RunningServer, url: str) -> tuple[int, list[httpx.Response]]:
    """Ask for `url` in all processes and kill the one that makes it; return which (0 when it was made before), and all
    answers that came.
    """
    until(lambda: len(serving_pids(four)) == PROCESSES, "a process is missing")
    before = set(serving_pids(four))
    leases = four.data / ".imagemill" / "run" / "leases"
    answers: list[httpx.Response | httpx.TransportError] = []

    def ask() -> None:
        try:
            answers.append(httpx.get(url, trust_env=False, timeout=SECONDS))
        except httpx.TransportError as error:
            answers.append(error)

    askers = [threading.Thread(target=ask) for _ in range(32)]
    for asker in askers:
        asker.start()
    holder: list[int] = []

    def is_making() -> bool:
        holder[:] = [pid for lease in (leases.iterdir() if leases.is_dir() else ()) if (pid := holder_of(lease))]
        return bool(holder) or len(answers) == len(askers)

    until(is_making, "nobody makes it")
    if holder:
        assert holder[0] in before
        os.kill(holder[0], signal.SIGKILL)
    for asker in askers:
        asker.join()
    return (holder or [0])[0], [answer for answer in answers if isinstance(answer, httpx.Response)]


def samples(server: RunningServer) -> dict[str, float]:
    """Return everything that counts up, by name with labels."""
    text = httpx.get(server.url + "/metrics", trust_env=False, timeout=SECONDS).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines if re.match(r"\w+_(total|bucket|count|sum)\b", name)}


def test_counters_never_go_back_when_a_process_dies(four: RunningServer) -> None:
    """What a dead process had counted stays counted, from the moment it dies to when another has taken its place."""
    for turn in range(40):
        url = f"{four.url}/img/w={200 + turn % 4}/coffee.png"
        assert httpx.get(url, trust_env=False, timeout=SECONDS).status_code == 200
    last = samples(four)
    assert last['imagemill_requests_total{outcome="200",surface="delivery"}'] >= 40
    victim = serving_pids(four)[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: not is_alive(victim), "it lives")

    def is_replaced() -> bool:
        nonlocal last
        now = samples(four)
        assert {name for name, value in last.items() if now.get(name, 0.0) < value} == set()
        last = now
        return len(serving_pids(four)) == PROCESSES and victim not in serving_pids(four)

    until(is_replaced, "it was not replaced")
    assert is_replaced()


def test_gauges_are_those_of_the_node(four: RunningServer) -> None:
    """Workers and caches add up over the processes; what all share is counted once."""
    until(lambda: four.metric("imagemill_workers") >= PROCESSES, "workers are missing")
    assert httpx.get(f"{four.url}/img/w=222/astronaut.jpg", trust_env=False, timeout=SECONDS).status_code == 200
    kept = four.data / ".imagemill" / "variants" / "default"

    def is_once() -> bool:
        files = [file for file in all_below(kept) if "/~/" in str(file) and file.suffix not in ("", ".json")]
        on_disk = sum(file.stat().st_size for file in files)
        return 0 < four.metric("imagemill_variant_store_bytes") <= on_disk

    until(is_once, "bytes of the store are counted more than once, or not at all")


def test_a_change_is_seen_by_every_process_within_two_seconds(four: RunningServer) -> None:
    """A replaced original is the new one for every process at most two seconds after the answer to its PUT."""
    bodies = [(four.data / name).read_bytes() for name in ("rocket.jpg", "astronaut.jpg")]
    url = f"{four.url}/img/w=61,fm=png/changing.jpg"
    pictures = []
    for body in bodies:
        with four.client() as client:
            answer = client.put("/v1/originals/changing.jpg", content=body)
        assert answer.status_code in (200, 201), answer.text
        changed = time.monotonic()
        while time.monotonic() < changed + 2.0:
            ask_at_once(url, 8)  # every process has it in memory, the old one too
        late = {process_of(answer): answer.content for _ in range(4) for answer in ask_at_once(url, 8)}
        assert len(late) > 1, "one process answered all"
        assert len(set(late.values())) == 1, "processes do not agree after two seconds"
        pictures.append(late.popitem()[1])
    assert pictures[0] != pictures[1]


def test_puts_and_deletes_of_one_key_in_all_processes_leave_one_state(four: RunningServer) -> None:
    """Changes of one key come in the same order everywhere: what is there in the end is what every process answers."""
    bodies = [(four.data / name).read_bytes() for name in ("rocket.jpg", "coffee.png", "astronaut.jpg")]
    headers = {"Authorization": f"Bearer {four.key}"}
    url = f"{four.url}/v1/originals/contested.jpg"

    def change(number: int) -> None:
        with httpx.Client(trust_env=False, timeout=SECONDS, headers=headers) as client:
            for turn in range(4):
                if (number + turn) % 4 == 3:
                    codes.append(client.delete(url).status_code)
                else:
                    codes.append(client.put(url, content=bodies[(number + turn) % 3]).status_code)

    codes: list[int] = []
    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 201, 204, 404}
    there = four.data / "contested.jpg"
    current = four.data / ".imagemill" / "variants" / "default" / "contested.jpg" / "~" / "current"
    time.sleep(2.0)  # the two seconds in which processes may differ
    answers = ask_at_once(f"{four.url}/img/w=50,fm=png/contested.jpg", 24)
    assert len({(answer.status_code, answer.content if answer.is_success else b"") for answer in answers}) == 1
    assert answers[0].status_code == (200 if there.exists() else 404)
    if there.exists():
        with httpx.Client(trust_env=False, headers=headers) as client:
            assert str(current.readlink()) == client.get(url).json()["version"]


def test_rates_of_a_client_are_counted_over_all_processes(tmp_path: Path) -> None:
    """A client cannot have more by asking several processes: its budget of makes is one."""
    env = {"IMAGEMILL_LIMITS__CLIENT_BURST": "0.001", "IMAGEMILL_LIMITS__CLIENT_RATE": "0.0001"}
    with node(tmp_path, 3, "--workers", "3", env=env) as server:
        codes = [
            httpx.get(f"{server.url}/img/w={300 + n}/rocket.jpg", trust_env=False, timeout=SECONDS).status_code
            for n in range(12)
        ]
    assert codes.count(200) <= 2
    assert codes.count(429) >= 10


def test_a_rolling_restart_under_load_loses_no_request(tmp_path: Path) -> None:
    """SIGHUP: every process is another one afterwards, and no client has noticed."""
    with node(tmp_path, 2) as server:
        before = set(serving_pids(server))
        urls = [f"{server.url}/img/w={width}/rocket.jpg" for width in (90, 91, 92)] + [f"{server.url}/healthz/ready"]
        with Load(urls) as load:
            until(lambda: load.answered > 20, "nobody is answered")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: bool(said(server, "restart.done")), "the restart does not end")
            after_restart = load.answered
            until(lambda: load.answered > after_restart + 20, "nobody is answered any more")
        assert load.failures == []
        assert not before & set(serving_pids(server))
        assert all(not is_alive(pid) for pid in before)


def test_a_rolling_restart_reads_the_settings_again(tmp_path: Path) -> None:
    """What changed in the file holds afterwards; a file that is wrong changes nothing, and is told in the log."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "imagemill.toml"
    file.write_text("[delivery]\nmax_age = 111\n")
    with serving(tmp_path / "data", "--http", "2", "--config", str(file)) as server:
        with server.client() as client:
            photo = Path(__file__).parents[2] / "src" / "imagemill" / "demo" / "photos" / "rocket.jpg"
            client.put("/v1/originals/a.jpg", content=photo.read_bytes()).raise_for_status()

        def max_age() -> str:
            return httpx.get(f"{server.url}/img/w=20/a.jpg", trust_env=False, timeout=SECONDS).headers["cache-control"]

        assert "max-age=111" in max_age()
        before = set(serving_pids(server))
        file.write_text("[delivery]\nmax_age = 'soon'\n")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: bool(said(server, "restart.refused")), "a wrong file was not refused")
        assert "max_age" in str(said(server, "restart.refused")[0]["detail"])
        assert set(serving_pids(server)) == before
        file.write_text("[delivery]\nmax_age = 222\n")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: bool(said(server, "restart.done")), "the restart does not end")
        assert "max-age=222" in max_age()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_all_processes_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    """What is being asked is answered, all processes end, the exit code is 0, folder and port are free."""
    with node(tmp_path, 2) as server:
        pids = serving_pids(server)
        answers: list[int] = []
        url = f"{server.url}/img/w=1500,h=1200,enlarge=1,fm=avif/rocket.jpg"
        asker = threading.Thread(
            target=lambda: answers.append(httpx.get(url, trust_env=False, timeout=SECONDS).status_code)
        )
        asker.start()
        until(lambda: server.metric("imagemill_makes_running") > 0 or bool(answers), "it is not made")
        began = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - began < SECONDS
        asker.join()
        assert answers == [200]
        assert not any(map(is_alive, pids))
        assert "Traceback" not in server.log.read_text()
    with serving(server.data, port=server.port):
        pass


def test_no_process_outlives_its_supervisor(tmp_path: Path) -> None:
    """The kernel ends the processes and their workers with the supervisor, and the next start finds all free."""
    with node(tmp_path, 2) as server:
        pids = serving_pids(server)
        assert len(pids) == 2
        server.process.kill()
        server.process.wait()
        until(lambda: not any(map(is_alive, pids)), "a process outlives its supervisor")
        with serving(server.data, "--http", "2", port=server.port) as second:
            assert httpx.get(second.url + "/healthz/ready", trust_env=False).status_code == 200


def run(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "imagemill", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_a_taken_port_is_the_same_sentence(four: RunningServer, tmp_path: Path) -> None:
    """With several processes as with one."""
    done = run("serve", "--http", "2", "--port", str(four.port), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"imagemill: Port {four.port} on 127.0.0.1 is taken by another program")
    assert done.stderr.count("\n") == 1


def test_a_held_folder_is_the_same_sentence(four: RunningServer, tmp_path: Path) -> None:
    """The supervisor holds the data folder, and tells who asks where it serves."""
    done = run("serve", "--http", "2", "--port", "0", "--data", str(four.data), cwd=tmp_path)
    assert done.returncode == 1
    assert f"process id {four.process.pid} at {four.url}" in done.stderr


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"IMAGEMILL_ADMIN__KEY_FILE": "/nowhere/key"}, "admin.key_file"),
        ({"IMAGEMILL_ORIGINALS__URL": "memory://"}, "server.processes"),
        ({"IMAGEMILL_ENGINE__FONTS": "/nowhere/fonts"}, "engine.fonts"),
    ],
)
def test_what_keeps_processes_from_starting_is_one_sentence(env: dict[str, str], words: str, tmp_path: Path) -> None:
    """The first failure of a process is the command's own, and nothing is left behind."""
    done = run("serve", "--http", "2", "--port", str(any_port()), cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Imagemill serves" not in done.stdout


@pytest.mark.parametrize("wait", [0.0, 0.3, 0.8])
def test_a_stop_before_all_are_ready_is_a_clean_stop_too(wait: float, tmp_path: Path) -> None:
    """SIGTERM while processes still start ends all of them with 0 and no word."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imagemill", "serve", "--http", "2", "--port", str(any_port())],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: (tmp_path / "imagemill-data" / ".imagemill" / "lock").exists(), "it does not start")
    time.sleep(wait)  # several moments between holding the folder and serving
    process.send_signal(signal.SIGTERM)
    try:
        _, err = process.communicate(timeout=SECONDS)  # ends only when nobody holds the streams any more
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "Traceback" not in err
