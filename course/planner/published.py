"""Published measurements, each with the layout it was made in, and what the planner says to it.

A row's `fitted` says whether a constant of its stack was fitted on it. What a source does not print
is an assumption, and named: `assumed`.

Sources:
    sc21         Narayanan et al. (2021), tables 1 and 2 (TFLOP/s with full recomputation)
    korthikanti  Korthikanti et al. (2022), table 5 (seconds); layouts as in calculon-ai/calculon,
                 validation/seqsel
    h100         NVIDIA/Megatron-LM, README of 2024, table and strong scaling (TFLOP/s, MFU)
    torchtitan   pytorch/torchtitan, benchmarks/llama3_h100_202412_torchtitan.md (tokens/s a device)
"""

from dataclasses import dataclass, replace

from .devices import DEVICES
from .flops import device_flops, model_flops
from .layout import Layout
from .machine import Machine
from .model import Model
from .stacks import STACKS, Stack
from .step_time import step_time


@dataclass(frozen=True)
class Row:
    """One measured step.

    Attributes:
        group: rows of one source and stack, whose errors are given together.
        name: as the source calls it.
        model, layout, batch: what ran; batch in sequences.
        device, stack: their names.
        precision: 'fp16', 'bf16' or 'fp8'.
        seconds: measured, of a step.
        fitted: whether a constant of the stack was fitted on it.
        assumed: what the source does not print.
    """

    group: str
    name: str
    model: Model
    layout: Layout
    batch: int
    device: str
    stack: str
    precision: str
    seconds: float
    fitted: bool = False
    assumed: str = ""

    def planned(self, stack: Stack | None = None) -> float:
        """Return the seconds that the planner says; with another stack, if given."""
        stack = stack or STACKS[self.stack]
        machine = Machine(DEVICES[self.device], stack, self.precision == "fp8")
        return step_time(self.model, self.layout, machine, self.batch).total

    def error(self, stack: Stack | None = None) -> float:
        """Return by which part the planned seconds are too many: 0.02 is 2 %."""
        return self.planned(stack) / self.seconds - 1


def gpt(layers: int, hidden: int, heads: int, vocab: int = 51200, sequence: int = 2048) -> Model:
    """Return a GPT as Megatron's papers have it."""
    return Model(layers, hidden, heads, vocab, sequence)


def llama(layers: int, hidden: int, heads: int, ffn: int, sequence: int = 8192) -> Model:
    """Return a Llama 3.1: 8 key/value heads, a gate, 128,256 tokens."""
    return Model(layers, hidden, heads, 128_256, sequence, 8, ffn, gated=True, tied=False)


def seconds_at(tflops: float, flops: float, devices: int) -> float:
    """Return the seconds of a step of so many FLOPs at so many TFLOP/s a device."""
    return flops / (tflops * 1e12 * devices)


# ---- A100 -------------------------------------------------------------------------------------


def sc21() -> list[Row]:
    """Return the rows of table 1 that are verified, and of table 2."""
    rows = []
    for name, sizes, layout, batch, tflops, fitted, assumed in (
        ("1.7 B", (24, 2304, 24), Layout(32, micro_batch=16), 512, 137, True, ""),
        ("18.4 B", (40, 6144, 48), Layout(32, 8, micro_batch=8), 1024, 135, True, ""),
        ("145.6 B", (80, 12288, 96), Layout(24, 8, 8, chunks=2, micro_batch=2), 2304, 148, True,
         "chunks = 2"),
        *((f"174.6 B on {n}", (96, 12288, 96), Layout(n // 96, 8, 12, chunks=2), 1536, tflops,
           False, "8 tensor × 12 pipeline, chunks = 2, micro-batch 1")
          for n, tflops in ((384, 153), (768, 149), (1536, 141))),
    ):  # fmt: skip
        model, layout = gpt(*sizes), replace(layout, recompute="full")
        seconds = seconds_at(tflops, device_flops(model, batch, "full"), layout.devices)
        rows.append(Row("A100 Megatron 2021", name, model, layout, batch, "A100-80GB",
                        "megatron-2021", "fp16", seconds, fitted, assumed))  # fmt: skip
    return rows


def zero_3() -> list[Row]:
    """Return the rows of SC21's table 2 with ZeRO 3, across nodes."""
    rows = []
    for n, tflops in ((384, 144), (768, 88), (1536, 44)):
        model = gpt(96, 12288, 96)
        layout = Layout(n, micro_batch=1536 // n, zero=3, recompute="full")
        seconds = seconds_at(tflops, device_flops(model, 1536, "full"), n)
        rows.append(Row("A100 ZeRO 3 across nodes", f"174.6 B on {n}", model, layout, 1536,
                        "A100-80GB", "zero-2021", "fp16", seconds, True,
                        "no accumulation"))  # fmt: skip
    return rows


def korthikanti() -> list[Row]:
    """Return the eight rows of table 5."""
    rows = []
    for name, sizes, layout, batch, full, selective in (
        ("22 B", (48, 6144, 64), Layout(1, 8, micro_batch=4), 4, 1.42, 1.10),
        ("175 B", (96, 12288, 96), Layout(1, 8, 8, chunks=3), 64, 18.13, 13.75),
        ("530 B", (105, 20480, 128), Layout(1, 8, 35, chunks=3), 280, 49.05, 37.83),
        ("1 T", (128, 25600, 160), Layout(1, 8, 64), 512, 94.42, 71.49),
    ):
        for what, seconds, changes in (
            ("full", full, {"recompute": "full"}),
            ("selective", selective, {"recompute": "selective", "sequence_parallel": True}),
        ):
            rows.append(Row("A100 Megatron 2022", f"{name} {what}", gpt(*sizes),
                            replace(layout, **changes), batch, "A100-80GB", "megatron-2022",
                            "fp16", seconds))  # fmt: skip
    return rows


# ---- H100 -------------------------------------------------------------------------------------


def h100() -> list[Row]:
    """Return the rows of Megatron's README, and GPT-3 on fewer and on more devices."""
    rows, vocab = [], 131_072
    for name, sizes, (t, p, v), batch, tflops in (
        ("1.7 B", (24, 2048, 16), (1, 1, 1), 192, 408.8),
        ("16 B", (32, 6144, 48), (4, 1, 1), 192, 489.1),
        ("70 B", (84, 8192, 64), (8, 2, 42), 384, 419.7),
        ("177 B", (96, 12288, 96), (8, 6, 16), 1152, 432.8),
        ("462 B", (112, 18432, 144), (8, 16, 7), 3072, 459.9),
    ):
        model = gpt(*sizes, vocab, 4096)
        layout = Layout(48, t, p, chunks=v, zero=1, sequence_parallel=True)
        seconds = seconds_at(tflops, model_flops(model, batch), layout.devices)
        rows.append(Row("H100 Megatron 2024", name, model, layout, batch, "H100-SXM",
                        "megatron-2024", "bf16", seconds, True,
                        "micro-batch 1, a layer a chunk, ZeRO 1"))  # fmt: skip
    for n, mfu in ((96, 0.47), (4608, 0.42)):
        model = gpt(96, 12288, 96, vocab, 4096)
        layout = Layout(n // 48, 8, 6, chunks=16, zero=1, sequence_parallel=True)
        seconds = seconds_at(989.4 * mfu, model_flops(model, 1152), n)
        rows.append(Row("H100 Megatron 2024", f"GPT-3 on {n}", model, layout, 1152, "H100-SXM",
                        "megatron-2024", "bf16", seconds, False,
                        "the layout of 177 B"))  # fmt: skip
    return rows


def torchtitan() -> list[Row]:
    """Return the rows of torchtitan: Llama 3.1 on H100 with 96 GB."""
    small, middle, large = LLAMA["8 B"], LLAMA["70 B"], LLAMA["405 B"]
    eight, many = (Layout(n, micro_batch=2, zero=3, recompute="selective") for n in (8, 128))
    two = Layout(32, 8, micro_batch=16, zero=3, recompute="full", sequence_parallel=True)
    three = Layout(8, 8, 8, micro_batch=4, zero=3, recompute="full", sequence_parallel=True)
    assumed = "8 micro-batches"
    rows = []
    for name, model, layout, batch, stack, rate, what in (
        ("8 B", small, eight, 16, "torchtitan-eager", 5762, ""),
        ("8 B compiled", small, eight, 16, "torchtitan", 6667, ""),
        ("8 B float8", small, eight, 16, "torchtitan", 8532, ""),
        ("8 B on 128", small, many, 256, "torchtitan-eager", 5605, ""),
        ("8 B compiled on 128", small, many, 256, "torchtitan", 6514, ""),
        ("8 B float8 on 128", small, many, 256, "torchtitan", 8380, ""),
        ("70 B float8", middle, two, 512, "torchtitan", 829, ""),
        ("70 B float8 async", middle, two, 512, "torchtitan-async", 876, ""),
        ("405 B float8 1f1b", large, three, 256, "torchtitan-async", 100, assumed),
        ("405 B float8 interleaved", large, replace(three, chunks=2, schedule="interleaved"), 256,
         "torchtitan-async", 128, f"{assumed}, 2 chunks"),
    ):  # fmt: skip
        precision = "fp8" if "float8" in name else "bf16"
        group = f"H100 torchtitan {'float8' if precision == 'fp8' else 'bfloat16'}"
        seconds = batch * model.sequence / (rate * layout.devices)
        rows.append(Row(group, name, model, layout, batch, "H100-96GB", stack, precision, seconds,
                        True, what))  # fmt: skip
    return rows


def context_parallel() -> list[Row]:
    """Return torchtitan's rows with context parallelism, 8 B on 8 devices and 405 B on 512."""
    rows = []
    for c, rate in ((1, 3890), (2, 2540), (4, 1071), (8, 548)):
        model = replace(LLAMA["8 B"], sequence=32768 * c)
        layout = Layout(8 // c, context=c, zero=3, recompute="full")
        seconds = layout.data * model.sequence / (rate * 8)
        rows.append(Row("H100 torchtitan context", f"8 B on {c} context", model, layout,
                        layout.data, "H100-96GB", "torchtitan-async", "fp8", seconds,
                        c == 1))  # fmt: skip
    for c, rate in ((1, 76), (2, 47), (4, 31), (8, 16)):
        model = replace(LLAMA["405 B"], sequence=32768 * c)
        layout = Layout(8 // c, 8, 8, c, zero=3, recompute="full", sequence_parallel=True)
        seconds = 64 // c * model.sequence / (rate * 512)
        rows.append(Row("H100 torchtitan context", f"405 B on {c} context", model, layout, 64 // c,
                        "H100-96GB", "torchtitan-async", "fp8", seconds, c == 1,
                        "8 micro-batches"))  # fmt: skip
    return rows


LLAMA = {
    "8 B": llama(32, 4096, 32, 14336),
    "70 B": llama(80, 8192, 64, 28672),
    "405 B": llama(126, 16384, 128, 53248),
}


def every_row() -> list[Row]:
    """Return all of them."""
    rows = [*sc21(), *zero_3(), *korthikanti(), *h100(), *torchtitan(), *context_parallel()]
    return sorted(rows, key=lambda row: row.group)
