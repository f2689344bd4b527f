from __future__ import annotations

import pytest

from imagemill.engine.strikes import Strikes
from imagemill.errors import Unprocessable


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


def refused(strikes: Strikes, digest: str, work: str) -> bool:
    """Whether the list refuses it."""
    try:
        strikes.refuse(digest, work)
    except Unprocessable as error:
        return error.code == "too_complex"
    return False


def test_one_broken_worker_is_forgiven() -> None:
    """A content that has broken one worker is tried once more."""
    strikes = Strikes()
    strikes.add("a", "w=1")
    assert not refused(strikes, "a", "w=1")


def test_two_broken_workers_are_remembered_for_every_recipe() -> None:
    """After two kills the content is refused whatever is asked of it, and only that content."""
    strikes = Strikes()
    strikes.add("a", "w=1")
    strikes.add("a", "w=2")
    assert refused(strikes, "a", "w=3")
    assert not refused(strikes, "b", "w=3")


def test_a_heavy_recipe_does_not_put_a_sound_picture_out_of_service() -> None:
    """Once a content was decoded to the end, kills count for the recipe alone."""
    strikes = Strikes()
    strikes.sound("a")
    strikes.add("a", "blur=100")
    strikes.add("a", "blur=100")
    assert refused(strikes, "a", "blur=100")
    assert not refused(strikes, "a", "w=300")


def test_a_success_forgives_the_strike_before_it() -> None:
    """A strike from before the content was known to be sound is dropped."""
    strikes = Strikes()
    strikes.add("a", "blur=100")
    strikes.sound("a")
    strikes.add("a", "blur=99")
    assert not refused(strikes, "a", "w=300")


def test_strikes_are_forgotten_in_time() -> None:
    """After the set time the content gets its chances again."""
    clock = Clock()
    strikes = Strikes(seconds=60, clock=clock)
    strikes.add("a", "w=1")
    strikes.add("a", "w=1")
    clock.now += 59
    assert refused(strikes, "a", "w=1")
    clock.now += 1
    assert not refused(strikes, "a", "w=1")


@pytest.mark.parametrize("names", [1, 10])
def test_the_list_is_bounded(names: int) -> None:
    """A flood of poisonous files cannot grow the list; the oldest are dropped."""
    strikes = Strikes(names=names)
    for number in range(100):
        strikes.add(str(number), "w=1")
        strikes.add(str(number), "w=1")
        strikes.sound(f"good {number}")
    assert len(strikes) == names
    assert refused(strikes, "99", "w=1")
    assert not refused(strikes, "0", "w=1")
