"""Mistakes that other planners made, each with the number that shows it."""

from dataclasses import replace

import pytest

from course.planner import DEVICES, Layout, Model
from course.planner.flops import model_flops
from course.planner.machine import Machine
from course.planner.memory import layer_parameters_on_rank, reserved_bytes
from course.planner.plans import evaluate
from course.planner.spec import Spec
from course.planner.stacks import STACKS

QWEN = Model(80, 8192, 64, 152_064, 32_768, ffn=24_576, gated=True, tied=False)


def test_a_gate_is_a_third_matrix():
    """EleutherAI/cookbook, issue 36: Qwen1.5-72B came out as 56.2 B."""
    assert QWEN.parameters / 1e9 == pytest.approx(72.3, abs=0.05)
    two = replace(QWEN, gated=False, biases=False, learned_positions=False)
    assert two.parameters / 1e9 == pytest.approx(56.2, abs=0.05)


@pytest.mark.parametrize("gated", [False, True])
def test_norms_are_on_every_tensor_rank(gated):
    """cli99/llm-analysis, issue 27: their state was divided by the tensor ranks."""
    model = Model(2, 64, 8, 100, 32, gated=gated)
    whole = 2 * 2 * 64 + 2 * 64 if not gated else 2 * 64  # norms; biases of the row matrices
    for t in (1, 2, 4, 8):
        cut = (model.layer_parameters() - whole) / t
        assert layer_parameters_on_rank(model, t) == cut + whole


def test_ranks_of_a_node_talk_by_its_links_and_others_by_the_network():
    """cli99/llm-analysis, issue 27: the branches were swapped."""
    machine = Machine(DEVICES["A100-80GB"], STACKS["megatron-2022"])
    link, network = 300e9 * 0.7, 25e9 * 0.7
    assert machine.tensor_rate(8) == pytest.approx(link)
    assert machine.tensor_rate(16) == pytest.approx(network)
    assert machine.data_rate(8, apart=1) == pytest.approx(link)
    assert machine.data_rate(2, apart=4) == pytest.approx(link)
    assert machine.data_rate(2, apart=8) == pytest.approx(network)
    assert machine.data_rate(16, apart=1) == pytest.approx(8 * network)  # all adapters of a node
    assert machine.data_rate(16, apart=4) == pytest.approx(2 * network)


def test_all_experts_are_kept_and_some_compute():
    """NVIDIA/Megatron-LM, issue 1784: layers with experts were treated as dense ones."""
    dense = Model(4, 256, 4, 1000, 128, ffn=512, gated=True)
    mixture = replace(dense, experts=8, experts_per_token=2)
    ffn, router = dense.ffn_weights(), 256 * 8
    assert mixture.layer_parameters() == dense.layer_parameters() + 7 * ffn + router
    tokens = 3 * 128
    assert model_flops(mixture, 3) - model_flops(dense, 3) == 6 * tokens * 4 * (ffn + router)
    spec = Spec(mixture, 1, "A100-80GB", 2, Layout(micro_batch=2))
    memory = evaluate(spec, spec.layout).memory
    assert memory["optimiser"] == 12 * mixture.parameters
    alike = Spec(dense, 1, "A100-80GB", 2, Layout(micro_batch=2))
    assert memory["activations"] > evaluate(alike, alike.layout).memory["activations"]


def test_communicators_take_memory():
    """NVIDIA/Megatron-LM, pull request 2280: their buffers were forgotten."""
    model = Model(2, 64, 8, 100, 32)
    alone, two = (Spec(model, n, "A100-80GB", 2, Layout(n)) for n in (1, 2))
    free = [evaluate(spec, spec.layout).memory_available for spec in (alone, two)]
    assert free[0] == 80 * 2**30 and free[0] - free[1] == reserved_bytes(2) > 1e9
