"""FLOPs of a step: those of the model, and those that the devices do.

A matrix of n weights takes 2n FLOPs a token forward, and as many for each of its two gradients.
Attention compares all pairs of tokens of a sequence, causal or not: that is how papers count it.

    a layer, forward, a token     2n + 4sh          head     2hV
    the model                     3 times forward: forward, gradient by inputs and by weights
    the devices                   + what recomputation runs again: 4sh a layer, or a whole layer

Model FLOPs utilisation (MFU) divides the model's by the peak, whatever was recomputed. Hardware
FLOPs utilisation (HFU) divides the devices'. Narayanan et al. (2021) print TFLOP/s of the devices,
with full recomputation: 4/3 of the model's.

Source: Chowdhery et al. (2022), appendix B, for MFU and HFU; Narayanan et al. (2021), equation 3.
The HFU that Korthikanti et al. (2022) print counts selective recomputation as three passes of
attention more; it runs one more. So theirs is a point above ours.
"""

from .model import Model


def layer_forward_flops(model: Model) -> int:
    """Return the FLOPs of a layer's forward pass, a token."""
    matrices = model.attention_weights + model.router_weights + model.ffn_weights(active=True)
    return 2 * matrices + attention_core_flops(model)


def attention_core_flops(model: Model) -> int:
    """Return the FLOPs of QKᵀ and of the weighted sum of values, forward, a layer and token."""
    return 4 * model.sequence * model.hidden


def head_forward_flops(model: Model) -> int:
    """Return the FLOPs of the logits, forward, a token."""
    return 2 * model.vocab_weights


def model_flops(model: Model, sequences: int) -> int:
    """Return the model FLOPs of a step on so many sequences: forward and backward, once."""
    tokens = sequences * model.sequence
    forward = model.layers * layer_forward_flops(model) + head_forward_flops(model)
    return 3 * tokens * forward


def recomputed_flops(model: Model, sequences: int, recompute: str) -> int:
    """Return the FLOPs that are run again: 'none', 'selective' (attention's core), 'full'."""
    again = {
        "none": 0, "selective": attention_core_flops(model), "full": layer_forward_flops(model),
    }  # fmt: skip
    return sequences * model.sequence * model.layers * again[recompute]


def device_flops(model: Model, sequences: int, recompute: str) -> int:
    """Return the FLOPs of a step that the devices do: the model's, and those run again."""
    return model_flops(model, sequences) + recomputed_flops(model, sequences, recompute)
