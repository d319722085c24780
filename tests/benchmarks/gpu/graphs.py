"""Stage: CUDA graphs of encoders and decoder against none, and whether memory frames change under replay."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from unittest import mock

import torch
from benchmarks.gpu.plan import Context
from benchmarks.gpu.results import Row
from benchmarks.gpu.shots import DeviceShot, make_engine, make_shot, seconds_of
from benchmarks.timings import Timing
from torch import Tensor

from stcn_plugin.memory.bank import BankState
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.folding import FoldedNetwork
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

_WARM_UPS = 3

Outputs = Tensor | tuple[Tensor, ...]


class Recording(Protocol):
    """A function of tensors, recorded for fixed inputs.

    Args:
        outputs: Its results, which `replay` overwrites.
    """

    outputs: Outputs

    def replay(self) -> None:
        """Compute the outputs from the present values of the inputs."""


class CudaRecording:
    """A recording as a CUDA graph."""

    def __init__(self, function: Callable[..., Outputs], inputs: tuple[Tensor, ...]) -> None:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):  # libraries choose their kernels, which must not happen while recording
                function(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self.outputs = function(*inputs)

    def replay(self) -> None:
        """Compute the outputs from the present values of the inputs."""
        self._graph.replay()


class EagerRecording:
    """A recording that computes the function again into the same outputs, for devices without graphs."""

    def __init__(self, function: Callable[..., Outputs], inputs: tuple[Tensor, ...]) -> None:
        self._function, self._inputs = function, inputs
        self.outputs = function(*inputs)

    def replay(self) -> None:
        """Compute the outputs from the present values of the inputs."""
        for output, value in zip(_listed(self.outputs), _listed(self._function(*self._inputs)), strict=True):
            output.copy_(value)


class Replayed:
    """A function of tensors, recorded once for each shape of its inputs, and replayed.

    Args:
        function: The function.
        record: Makes a recording.
    """

    def __init__(self, function: Callable[..., Outputs], record: Callable[..., Recording]) -> None:
        self._function = function
        self._record = record
        self._recordings: dict[tuple[object, ...], tuple[tuple[Tensor, ...], Recording]] = {}

    def __call__(self, *tensors: Tensor) -> Outputs:
        key = tuple((tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors)
        if key not in self._recordings:
            inputs = tuple(tensor.clone() for tensor in tensors)
            self._recordings[key] = inputs, self._record(self._function, inputs)
        inputs, recording = self._recordings[key]
        for held, tensor in zip(inputs, tensors, strict=True):
            held.copy_(tensor)
        recording.replay()
        # Copies: the next replay overwrites the outputs, while an engine still uses those of this one.
        outputs = recording.outputs
        return outputs.clone() if isinstance(outputs, Tensor) else tuple(output.clone() for output in outputs)


@contextmanager
def recorded(engine: Engine) -> Iterator[None]:
    """Let an engine replay recordings of its encoders and decoder."""
    record = CudaRecording if engine.device.type == "cuda" else EagerRecording
    folded = {name: Replayed(function, record) for name, function in vars(engine._folded).items()}
    with mock.patch.object(engine, "_folded", FoldedNetwork(**folded)):  # type: ignore[arg-type]
        yield


def measure_graphs(context: Context) -> None:
    """Compare time and results with and without graphs."""
    plan = context.plan
    for variant, lines, objects in itertools.product(plan.variants, plan.sizes, plan.objects):
        if not context.has_time:
            return
        shot = make_shot(plan.device, objects=objects, lines=lines, frames=plan.frames)
        case: Row = {"variant": variant, "lines": lines, "objects": objects}
        try:
            row = _compared(make_engine(plan, variant), shot, plan.repeat)
        except RuntimeError as error:  # an operation that cannot be recorded
            context.stage.notes.append(f"{', '.join(map(str, case.values()))}: {error}")
        else:
            context.add({**case, **row})


def _compared(engine: Engine, shot: DeviceShot, repeat: int) -> Row:
    """Return the figures of one case."""
    settings = PropagationSettings(size=None, region=False)
    check = shot.start(8)

    def measured() -> tuple[list[Tensor], bool, Timing]:
        results = _results(engine, check)
        seconds_of(engine, check, settings)
        return *results, Timing.of([seconds_of(engine, shot, settings) for _ in range(repeat)])

    expected, _, plain = measured()
    with recorded(engine):
        found, is_unchanged, replayed = measured()
    return {
        "plain frames/s": len(shot.images) / plain.median,
        "graphs frames/s": len(shot.images) / replayed.median,
        "times as fast": plain.median / replayed.median,
        "largest difference": max((one - other).abs().max().item() for one, other in zip(expected, found, strict=True)),
        "memory unchanged": is_unchanged,
    }


def _results(engine: Engine, shot: DeviceShot) -> tuple[list[Tensor], bool]:
    """Return the probabilities of all frames, and whether no stored memory frame changed later."""
    settings = PropagationSettings(size=None, region=False, interval=2, max_frames=None)
    propagator = Propagator(engine, settings=settings)
    masks = {f"object{number}": mask for number, mask in enumerate(shot.masks, 1)}
    found, is_unchanged = [], True
    before: BankState | None = None
    for index, image in enumerate(shot.images):
        found.append(propagator.step(image, {} if index else masks).own.cpu())
        (_, after), *_ = propagator.state().cohorts
        is_unchanged = is_unchanged and (before is None or keeps(before, after))
        before = after
    return found, is_unchanged


def keeps(before: BankState, after: BankState) -> bool:
    """Whether a memory that nothing is evicted from still holds what it held before."""
    stored = before.stored
    return torch.equal(before.keys[:, :stored], after.keys[:, :stored]) and torch.equal(
        before.values[:stored], after.values[:stored]
    )


def _listed(outputs: Outputs) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
