"""The steps of time that tell the versions of a key apart (RFC 9110 section 8.8: strong validators)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagemill.originals.changes import MAX_CHANGES, STEP, Changes


class Clock:
    """Seconds since 1970 that a test moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_no_two_versions_share_a_step(doings: list[tuple[float, bool]]) -> None:
    """However fast a key is replaced, what is made of one version never says a second of another's."""
    clock = Clock(1_700_000_003.2)
    changes = Changes(clock)
    clock.now += STEP
    version, steps = 0, [set[int]()]
    for seconds, replaced in doings:
        clock.now += seconds
        if replaced:
            changes.note("a")
            version += 1
            steps.append(set())
            if version > 1:
                steps[version - 1].add(changes.step("a", placed=0, superseded=True))
        steps[version].add(changes.step("a", placed=0, superseded=False))
    for later in range(1, len(steps)):
        before = set[int]().union(*steps[:later])
        assert all(step > most for step in steps[later] for most in before)
        assert all(step % STEP == 0 for step in steps[later])


def test_a_picture_at_rest_says_no_future_second() -> None:
    """What is made long after the last change was modified before now, in each format's second."""
    clock = Clock(1_700_000_000.0)
    changes = Changes(clock)
    changes.note("a")
    for _ in range(100):
        clock.now += 1.5
        step = changes.step("a", placed=0, superseded=False)
        assert step + STEP - 1 <= clock.now or clock.now < 1_700_000_000 + 3 * STEP


def test_another_process_is_told_by_the_time_of_the_object() -> None:
    """A process that saw nothing of a replacement begins at the step in which the object was placed, never ahead."""
    clock = Clock(1_700_000_000.0)
    changes = Changes(clock)
    clock.now += 100
    assert changes.step("a", placed=clock.now, superseded=False) == int(clock.now) // STEP * STEP
    assert changes.step("a", placed=4e9, superseded=False) == int(clock.now) // STEP * STEP
    assert changes.step("a", placed=clock.now - 50, superseded=False) == (int(clock.now) // STEP - 1) * STEP


def test_a_new_process_begins_after_everything_before_it() -> None:
    """What an earlier process made says an earlier step than anything made now."""
    clock = Clock(1_700_000_000.0)
    earlier = Changes(clock)
    clock.now += 60
    made = earlier.step("a", placed=0, superseded=False)
    assert Changes(clock).step("a", placed=0, superseded=False) > made


def test_what_is_remembered_is_bounded() -> None:
    """The oldest changes are forgotten."""
    changes = Changes()
    for number in range(MAX_CHANGES + 1):
        changes.note(str(number))
    assert changes.at("0") == 0
    assert changes.at("1") > 0
