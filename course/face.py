"""The public names of `course` and the modules that they come from."""

from .data.dataset import Dataset
from .data.loading import load_data
from .data.preprocess import Augment, Noise, Rotate, Shift, standardise
from .errors import CourseError
from .interop.adopt import adopt
from .interop.torch_optimizer import as_optimizer
from .lessons.checking import Exercise, compare, gradient_check
from .nn.blocks import Dropout, LayerNorm
from .nn.curvature import Curvature, hessian_product
from .nn.depth import sizes_by_layer
from .nn.initialisation import INITS
from .nn.layers import ACTIVATIONS, GELU, Linear, ReLU, Sigmoid, Tanh
from .nn.losses import CrossEntropy
from .nn.network import MLP, Network, build_network
from .nn.stack import Residual, Stack
from .optim.adaptive import Adam, AdamW, Muon, RMSProp, orthogonalise
from .optim.chain import Context, Transform, chain
from .optim.first_order import (
    L1,
    L2,
    ClipByNorm,
    ClipByValue,
    Descend,
    HeavyBall,
    L1Subgradient,
    Momentum,
    Nesterov,
    SignDescent,
    Spike,
)
from .optim.schedules import Cosine, LinearRamp, Points, StepDecay, Warmup
from .optim.second_order import GaussNewton, Newton, NewtonCG, conjugate_gradients, sharpness
from .optim.sparse import Prune
from .training.replay import run_recipe
from .training.run import available_devices
from .training.trainer import Trainer
