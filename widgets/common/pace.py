"""The pace of a run: when its next steps are due.

At v steps a second one step is due every 1/v seconds, counted from the last that was due, not from
the last that was made: so nothing drifts. Above BURSTS steps a second they are made in equal
bursts, about BURSTS times a second, so that pictures move evenly. After a hold-up longer than
BEHIND seconds the run goes on from now and does not catch up.
"""

from math import inf

from course.errors import check_number

BURSTS = 60  # a second
BEHIND = 0.2  # seconds


class Pace:
    """What is due, at times in seconds that never go back (`time.monotonic`)."""

    def __init__(self) -> None:
        self._speed: float | None = None
        self._due = -inf

    @property
    def speed(self) -> float | None:
        """Steps a second, 0.01 to 1,000,000; None: as fast as it goes."""
        return self._speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        if speed is not None:
            words = "steps a second, or None for as fast as it goes"
            speed = check_number("speed", speed, 0.01, 1e6, words)
        self._speed = speed

    def rest(self, now: float) -> float:
        """Return the seconds until the next burst; 0 or less when it is due."""
        if self._speed is None:
            return 0.0
        self._keep_near(now, self._speed)
        burst = max(1, round(self._speed / BURSTS))
        return self._due + (burst - 1) / self._speed - now

    def is_due(self, now: float) -> bool:
        """Return whether a step is due."""
        if self._speed is None:
            return True
        self._keep_near(now, self._speed)
        return self._due <= now

    def count(self) -> None:
        """Count a step that is made now, because it was due."""
        if self._speed is not None:
            self._due += 1 / self._speed

    def _keep_near(self, now: float, speed: float) -> None:
        """Forget a long hold-up, and a wait that belongs to a slower speed."""
        self._due = now if self._due < now - BEHIND else min(self._due, now + 1 / speed)
