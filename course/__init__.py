"""Training at Scale: how a neural network is trained, in code short enough to read.

Models, hand-derived back-propagation, optimisers and a trainer. No screen: see `widgets`.
"""

from .data.dataset import Dataset
from .data.loading import load_data
from .data.preprocess import Augment, Noise, Rotate, Shift, standardise
from .errors import CourseError
from .interop.adopt import adopt
from .interop.torch_optimizer import as_optimizer
from .lessons.checking import Exercise, compare, gradient_check
from .nn.blocks import Dropout, LayerNorm
from .nn.layers import ACTIVATIONS, GELU, Linear, ReLU, Sigmoid, Tanh
from .nn.losses import CrossEntropy
from .nn.network import MLP, Network, build_network
from .nn.stack import Residual, Stack
from .optim.adaptive import Adam, AdamW, Muon, RMSProp
from .optim.chain import Context, Transform, chain
from .optim.first_order import (
    L1,
    L2,
    ClipByNorm,
    ClipByValue,
    Descend,
    HeavyBall,
    Momentum,
    Nesterov,
    SignDescent,
)
from .optim.schedules import Cosine, LinearRamp, StepDecay, Warmup
from .optim.second_order import GaussNewton, Newton, NewtonCG
from .training.replay import run_recipe
from .training.run import available_devices
from .training.trainer import Trainer
from .version import __version__

__all__ = [
    "__version__", "ACTIVATIONS", "Adam", "AdamW", "adopt", "as_optimizer", "Augment",
    "available_devices", "build_network", "chain", "ClipByNorm", "ClipByValue", "compare",
    "Context", "Cosine", "CourseError", "CrossEntropy", "Dataset", "Descend", "Dropout",
    "Exercise", "GaussNewton", "GELU", "gradient_check", "HeavyBall", "L1", "L2", "LayerNorm",
    "Linear", "LinearRamp", "load_data", "MLP", "Momentum", "Muon", "Nesterov", "Network",
    "Newton", "NewtonCG", "Noise", "ReLU", "Residual", "RMSProp", "Rotate", "run_recipe", "Shift",
    "Sigmoid", "SignDescent", "Stack", "standardise", "StepDecay", "Tanh", "Trainer", "Transform",
    "Warmup",
]  # fmt: skip
