"""Training at Scale: how a neural network is trained, in code short enough to read.

Models, hand-derived back-propagation, optimisers and a trainer. No screen: see `widgets`.
"""

from .check import Exercise, compare, gradient_check
from .data import Dataset, load_data
from .errors import CourseError
from .model import MLP
from .trainer import Trainer, available_devices
from .transforms import ClipByNorm, ClipByValue, Descend, HeavyBall, Momentum, chain

__version__ = "0.1.0"
__all__ = [
    "MLP", "ClipByNorm", "ClipByValue", "CourseError", "Dataset", "Descend", "Exercise",
    "HeavyBall", "Momentum", "Trainer", "available_devices", "chain", "compare", "gradient_check",
    "load_data",
]  # fmt: skip
