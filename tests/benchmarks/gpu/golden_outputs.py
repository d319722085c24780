"""Stage: golden outputs on the device, in each precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from benchmarks.gpu.plan import Context
from golden.comparing import GoldenCase, compare, published_stand_in

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.weights.reading import build_network, read_weights
from stcn_plugin.weights.store import STARTER, builtin_files

_PRECISIONS = {
    "float32": (torch.float32, False),
    "float32, TF32": (torch.float32, True),
    "float16": (torch.float16, True),
    "bfloat16": (torch.bfloat16, True),
}
"""Name to the precision, and whether convolutions of float32 may use TF32, as they do by default."""


def compare_golden_outputs(context: Context) -> None:
    """Propagate the golden cases, and record the differences."""
    plan = context.plan
    networks: dict[str, STCN] = {}
    for case in plan.golden:
        variant = case.file.partition("/")[0]
        if variant != "published" and not builtin_files()[STARTER].exists():
            context.stage.notes.append(f"{case.file}: left out, the starter weights are missing")
            continue
        if variant not in networks:
            networks[variant] = _network(variant).to(plan.device)
        for name, (precision, tf32) in _PRECISIONS.items():
            if not context.has_time:
                return
            if plan.device.type == "cpu" and name in ("float16", "float32, TF32"):
                continue  # of GPUs only
            with _tf32(tf32):
                _add(context, case, Engine(networks[variant], precision=precision), name)


def _network(variant: str) -> STCN:
    """Return the network that the golden outputs of a variant were computed with."""
    if variant == "published":
        return published_stand_in()
    return build_network(read_weights(builtin_files()[STARTER]), device=torch.device("cpu"))


def _add(context: Context, case: GoldenCase, engine: Engine, precision: str) -> None:
    difference = compare(engine, case)
    context.add(
        {
            "case": case.file.removesuffix(".npz"),
            "precision": precision,
            "largest difference": difference.largest,
            "same object": difference.agreeing,
        }
    )


@contextmanager
def _tf32(is_allowed: bool) -> Iterator[None]:
    """Allow or forbid TF32 in convolutions; matrix products never use it by default."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = is_allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
