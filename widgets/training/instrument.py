"""What every instrument of the training lab is."""

from .scene import Scene


class Instrument:
    """Base. `look` measures at a sample; `strip` or `panels` give what to draw."""

    def look(self, view) -> None:
        """Measure now."""

    def forget(self, step: int) -> None:
        """Forget what was measured after a step: the run goes on otherwise from there."""

    def strip(self, scene: Scene) -> dict | None:
        """Return a plot on the step axis; None: this one has none."""

    def panels(self, view, arrays: dict) -> list[dict]:
        """Return panels below the strips."""
        return []

    def words(self, view) -> str:
        """Return what a reader who cannot see the strip should hear; "" for nothing."""
        return ""
