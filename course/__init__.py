"""Training at Scale: how a neural network is trained, in code short enough to read.

Models, hand-derived back-propagation, optimisers and a trainer. No screen: see `widgets`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .face import *

__all__ = [
    "ACTIVATIONS", "Adam", "AdamW", "adopt", "as_optimizer", "Augment", "available_devices",
    "build_network", "chain", "ClipByNorm", "ClipByValue", "compare", "conjugate_gradients",
    "Context", "Cosine", "CourseError", "CrossEntropy", "Curvature", "Dataset", "Descend",
    "Dropout", "Exercise", "GaussNewton", "GELU", "gradient_check", "HeavyBall",
    "hessian_product", "INITS", "L1", "L1Subgradient", "L2", "LayerNorm", "Linear", "LinearRamp",
    "load_data", "MLP", "Momentum", "Muon", "Nesterov", "Network", "Newton", "NewtonCG", "Noise",
    "orthogonalise", "Points", "Prune", "ReLU", "Residual", "RMSProp", "Rotate", "run_recipe",
    "sharpness", "Shift", "Sigmoid", "SignDescent", "sizes_by_layer", "Spike", "Stack",
    "standardise", "StepDecay", "Tanh", "Trainer", "Transform", "Warmup",
]  # fmt: skip


def __getattr__(name: str):
    """Return a public name, imported on first use: `course doctor` must run without torch."""
    if name in __all__:
        return getattr(import_module(f"{__name__}.face"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
