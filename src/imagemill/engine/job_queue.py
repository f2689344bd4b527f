"""The jobs of a pool that wait for a worker, short ones before long ones.

Separate from `pool`, which knows the workers. A job whose caller has left is passed over. Long jobs hold as many
workers as the pool has slots and no more, so that the spare stays free for a probe.
"""

from __future__ import annotations

from collections import deque

from imagemill.engine.worker_process import Assignment


class JobQueue:
    """Two queues and the count of long jobs that run."""

    def __init__(self, slots: int) -> None:
        """`slots` is how many long jobs may run at once."""
        self._slots = slots
        self._short: deque[Assignment] = deque()
        self._long: deque[Assignment] = deque()
        self._long_running = 0

    def __len__(self) -> int:
        return len(self._short) + len(self._long)

    def put(self, assignment: Assignment) -> None:
        """Add a job behind those of its kind."""
        (self._long if assignment.long else self._short).append(assignment)

    def put_back(self, assignment: Assignment) -> None:
        """Put a job before those of its kind: it had its turn, and no worker, or one that was lost."""
        (self._long if assignment.long else self._short).appendleft(assignment)

    def take(self) -> Assignment | None:
        """Return the next job that somebody still waits for and that may run now."""
        for queue in (self._short, self._long):
            while queue and queue[0].future.done():
                queue.popleft()
        if self._short:
            return self._short.popleft()
        if self._long and self._long_running < self._slots:
            return self._long.popleft()
        return None

    def began(self, assignment: Assignment) -> None:
        """A worker has the job."""
        self._long_running += assignment.long

    def ended(self, assignment: Assignment) -> None:
        """The worker that had the job has answered, or is gone."""
        self._long_running -= assignment.long

    def fail_all(self, error: Exception) -> None:
        """End every waiting job with an error."""
        for assignment in (*self._short, *self._long):
            assignment.fail(error)

    def clear(self) -> None:
        """Forget every waiting job."""
        self._short.clear()
        self._long.clear()
