"""The ledger of kept bytes never lets its limit be passed, and believes a walk only as far as it can be right."""

from __future__ import annotations

from imagemill.variants.ledger import Ledger


def test_reservations_never_pass_the_limit() -> None:
    """Room is taken when it is asked for, and given back when nothing came of it."""
    ledger = Ledger(100)
    assert ledger.reserve(60)
    assert not ledger.reserve(41)
    assert ledger.reserve(40)
    ledger.settle(60, kept=False)
    ledger.settle(40, kept=True)
    assert ledger.total == 40
    ledger.release(40)
    assert ledger.total == 0


def test_a_walk_tells_what_others_keep() -> None:
    """What was there before us, or came from another process, is added to what changed during the walk."""
    ledger = Ledger(1000)
    before = ledger.read()
    assert ledger.reserve(10)
    ledger.correct(500, before)
    assert ledger.total == 510


def test_a_walk_beside_our_own_writing_changes_nothing() -> None:
    """A difference no larger than what we wrote, removed or were writing meanwhile is our own."""
    ledger = Ledger(1000)
    assert ledger.reserve(30)
    before = ledger.read()
    ledger.settle(30, kept=True)
    assert ledger.reserve(5)
    ledger.release(10)
    for walked in (0, 30, 45):
        ledger.correct(walked, before)
        assert ledger.total == 25
    ledger.correct(100, before)
    assert ledger.total == 95


def test_a_trim_leaves_a_tenth_and_room_for_who_asked() -> None:
    """The excess is what is above nine tenths, or above the limit less what is coming."""
    ledger = Ledger(100)
    assert ledger.reserve(95)
    assert ledger.excess(0) == 5
    assert ledger.excess(50) == 45
