"""The published implementation, run from a checkout of its repository as its own evaluation runs it.

Nothing of it is here: its modules are imported from the checkout, its network takes our state dict, whose names are
the published ones, and where there is no CUDA its `cuda` calls lead to the device of the benchmark.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import torch
from benchmarks.timings import synchronise
from torch import Tensor, nn
from torch.utils import model_zoo

Mode = Literal["float32", "autocast", "autocast+channels_last"]
MODES: tuple[Mode, ...] = ("float32", "autocast", "autocast+channels_last")

_NETWORK, _CORE, _BANK = "model.eval_network", "inference_core", "inference_memory_bank"


@dataclass(frozen=True)
class PublishedCode:
    """The classes of a checkout.

    Args:
        network: Its ``STCN()``.
        core: Its ``InferenceCore(network, images, objects, top_k=, mem_every=, include_last=)``.
        bank: Its ``MemoryBank(k=, top_k=)``.
    """

    network: Any
    core: Any
    bank: Any


@dataclass(frozen=True)
class Schedule:
    """The memory settings of the published loop.

    Args:
        interval: Frames between two memory frames.
        top_k: Memory elements per query.
        include_last: Whether the previous frame is also a memory frame, for one step.
    """

    interval: int
    top_k: int
    include_last: bool


def load_published(checkout: Path) -> PublishedCode:
    """Import the inference code of a checkout; its module names are given back afterwards.

    Raises:
        FileNotFoundError: It is no checkout of the published repository.
    """
    if not (checkout / f"{_CORE}.py").is_file():
        raise FileNotFoundError(f"{checkout} holds no {_CORE}.py: give a checkout of the published STCN repository")
    before = dict(sys.modules)
    with mock.patch.object(sys, "path", [str(checkout.resolve()), *sys.path]):
        network, core, bank = (importlib.import_module(name) for name in (_NETWORK, _CORE, _BANK))
    for name in [name for name, module in sys.modules.items() if name not in before and _is_inside(module, checkout)]:
        del sys.modules[name]
    return PublishedCode(network.STCN, core.InferenceCore, bank.MemoryBank)


class PublishedLoop:
    """The published network and its inference loop, with frames and masks in memory and no files.

    Args:
        code: From `load_published`.
        state: State dict; the entry names are the same.
        device: The device.
        mode: ``float32``; ``autocast`` as its scripts do (float16 on a GPU, bfloat16 on a CPU); or that with the
            weights in channels-last order, which they do not.
    """

    def __init__(self, code: PublishedCode, state: Mapping[str, Tensor], *, device: torch.device, mode: Mode) -> None:
        self._code = code
        self._device = device
        self._is_half = mode != "float32"
        with _without_downloads():
            network = code.network()
        network.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in state.items()})
        layout = torch.channels_last if mode.endswith("channels_last") else torch.contiguous_format
        self._network = network.to(device, memory_format=layout).eval()

    def run(self, images: Tensor, masks: Tensor, schedule: Schedule) -> float:
        """Propagate the masks of the first frame; return the seconds.

        Args:
            images: ``(T, 3, H, W)`` normalised frames, on the device.
            masks: ``(O, H, W)``, on the device.
            schedule: Of its memory.
        """
        half = torch.float16 if self._device.type == "cuda" else torch.bfloat16
        with redirected(self._device), torch.no_grad(), torch.autocast(self._device.type, half, enabled=self._is_half):
            synchronise(self._device)
            started = time.perf_counter()
            core = self._code.core(
                self._network,
                images[None],
                masks.shape[0],
                top_k=schedule.top_k,
                mem_every=schedule.interval,
                include_last=schedule.include_last,
            )
            core.interact(masks[:, None], 0, images.shape[0])
            synchronise(self._device)
            return time.perf_counter() - started


@contextmanager
def redirected(device: torch.device) -> Iterator[None]:
    """Run code that uses ``cuda`` on another device; on CUDA it is unchanged."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            yield
        return
    zeros = torch.zeros

    def zeros_here(*size: Any, **named: Any) -> Tensor:
        if "cuda" in str(named.get("device", "")):
            named["device"] = device
        return zeros(*size, **named)

    def to_here(tensor: Tensor, *_device: Any, **_named: Any) -> Tensor:
        return tensor.to(device)

    with mock.patch.object(Tensor, "cuda", to_here), mock.patch.object(torch, "zeros", zeros_here):
        yield


@contextmanager
def _without_downloads() -> Iterator[None]:
    """Skip the download of ImageNet weights in its constructor, which a state dict replaces anyway."""

    def without_weights(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        return lambda **_asked: make(weights=None)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(model_zoo, "load_url", lambda *_all, **_named: {}))
        models = sys.modules.get("torchvision.models")
        for name in ("resnet18", "resnet50") if models else ():
            stack.enter_context(mock.patch.object(models, name, without_weights(getattr(models, name))))
        yield


def _is_inside(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return file is not None and Path(file).resolve().is_relative_to(folder.resolve())
