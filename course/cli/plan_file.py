"""`course plan`: the plan of a file, in words or as JSON."""

import argparse
import json
import sys

EXAMPLE = """\
The file, with every field of a layout:
  {"model": {"layers": 96, "hidden": 12288, "heads": 96, "vocab": 51200, "sequence": 2048},
   "devices": 64, "device": "A100-80GB", "precision": "fp16", "optimiser": "adam",
   "batch": 64, "tokens": 3e11,
   "layout": {"data": 1, "tensor": 8, "pipeline": 8, "context": 1, "chunks": 3,
              "micro_batch": 1, "zero": 0, "recompute": "full",
              "sequence_parallel": false, "schedule": "interleaved"}}

model       layers, hidden, heads, vocab, sequence; and kv_heads, ffn, gated, tied, experts,
            experts_per_token, shared_experts, biases, learned_positions
device      A100-40GB, A100-80GB, H100-SXM, H100-96GB, H200-SXM; or numbers: peak_tflops,
            memory_gb, memory_gb_per_second, link_gb_per_second, network_gb_per_second, and
            name, price, node, multiprocessors, fp8
precision   fp16, bf16, fp8                  optimiser   adam, adamw, momentum, sgd
batch       sequences of a step, on all devices
recompute   none, selective, full            zero        0, 1, 2, 3
schedule    gpipe, 1f1b, interleaved, zero_bubble
layout      or "search": the fastest layout that fits, and why the next ones lose
stack       megatron-2021, megatron-2022, megatron-2024, zero-2021, torchtitan, torchtitan-eager,
            torchtitan-async; by default Megatron of the device's time
price       dollars a device and hour, if not the device's

Exit code: 0 for a plan that fits, 1 for one that does not, 2 for a bad file."""


def add_plan(commands) -> None:
    """Add the command to the parser of all."""
    p = commands.add_parser(
        "plan",
        help="plan the training of a Transformer on many devices",
        description="Print parameters, FLOPs, memory, seconds of a step, days and cost of a\n"
        "training run, and how well such plans meet published ones.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("spec", metavar="SPEC.json", help="what is to be planned")
    p.add_argument("--json", action="store_true", help="print numbers as JSON, bytes and seconds")
    p.set_defaults(run=print_plan)


def print_plan(args: argparse.Namespace) -> int:
    """Print the plan of a file; return the exit code."""
    from ..planner.planning import plan  # deferred: the other commands do not need it
    from ..planner.spec import load_spec

    found = plan(load_spec(args.spec))
    print(json.dumps(found.as_json(), indent=2, allow_nan=False) if args.json else found)
    if found.fits:
        return 0
    print(f"course plan: {found.why.splitlines()[0]}", file=sys.stderr)
    return 1
