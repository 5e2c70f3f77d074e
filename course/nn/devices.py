"""Where weights may lie."""

import torch

from ..errors import CourseError, shown


def check_device(device) -> None:
    """Raise `CourseError` for a device that is not in this machine, or that holds no numbers."""
    try:
        torch.empty(0, device=device)
        known = torch.device(device).type in ("cpu", "cuda", "mps")
    except (RuntimeError, TypeError, ValueError, AssertionError, OverflowError):
        known = False
    if not known:
        raise CourseError(f"device = {shown(device)} is not here; see available_devices()")
