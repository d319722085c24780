"""Choice of device, memory budget, and classification of device errors."""

from __future__ import annotations

import pytest
import torch

from stcn_plugin.device_failures import is_device_lost, is_out_of_memory
from stcn_plugin.errors import DeviceError
from stcn_plugin.network.devices import (
    available_devices,
    choose_device,
    object_budget,
    release_memory,
)

BUILT_FOR = ["sm_75", "sm_80", "sm_86", "sm_90a", "compute_100f"]


@pytest.fixture
def cards(monkeypatch):
    """Pretend to have GPUs of these compute capabilities, and a torch built for some of them."""

    def call(*capabilities: tuple[int, int], built_for: list[str] = BUILT_FOR) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda name: capabilities[int(str(name)[-1])])
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "GTX 1080")
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built_for)

    return call


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((7, 5), BUILT_FOR, True),
        ((8, 9), BUILT_FOR, True),
        ((8, 0), ["sm_86"], False),
        ((6, 1), BUILT_FOR, False),
        ((9, 0), BUILT_FOR, True),
        ((9, 1), ["sm_90a"], False),
        ((10, 3), BUILT_FOR, True),
        ((12, 0), BUILT_FOR, False),
        ((12, 0), ["sm_75", "compute_90"], True),
        ((12, 1), ["sm_120"], True),
        ((6, 1), ["sm_75", "compute_75"], False),
        ((9, 4), ["gfx942"], True),
        ((6, 1), [], True),
    ],
)
def test_a_gpu_is_available_if_torch_has_code_for_it(cards, capability, built_for, runs):
    """Machine code runs on later GPUs of its generation, PTX on all later ones; an unknown build is assumed to fit."""
    cards(capability, built_for=built_for)
    assert ("cuda:0" in available_devices()) is runs
    assert choose_device("auto") == torch.device("cuda:0" if runs else "cpu")


def test_auto_takes_the_first_gpu_that_runs(cards):
    """A GPU that is too old is skipped, and the next one keeps its number."""
    cards((6, 1), (8, 6))
    assert available_devices()[:2] == ("cuda:1", "cpu")
    assert choose_device("auto") == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_an_unsupported_gpu_is_refused(cards, name):
    """The error names the GPU and its compute capability."""
    cards((6, 1), (8, 6))
    with pytest.raises(DeviceError, match=r"no code for GTX 1080 \(compute capability 6\.1\)") as caught:
        choose_device(name)
    assert (caught.value.where, "compute.device" in caught.value.fix) == (name, True)


def test_an_absent_gpu_is_refused(cards):
    """The error lists the available devices."""
    cards((8, 6))
    with pytest.raises(DeviceError, match="'cuda:3' is not available; this machine has: cuda:0, cpu"):
        choose_device("cuda:3")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("anything"), True),
        (MemoryError(), True),
        (torch.AcceleratorError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), False),
        (RuntimeError("shapes differ"), False),
        (ValueError("out of memory is no word for this"), False),
    ],
    ids=str,
)
def test_out_of_memory_is_recognised(error, expected):
    """Errors of torch, CUDA libraries, Metal and Python."""
    assert is_out_of_memory(error) is expected


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
        (caused(DeviceError("the GPU failed"), torch.AcceleratorError("CUDA error: unspecified launch failure")), True),
        (torch.AcceleratorError("CUDA error: out of memory"), False),
        (caused(DeviceError("out of memory"), torch.AcceleratorError("CUDA error: out of memory")), False),
        (torch.OutOfMemoryError(), False),
        (RuntimeError("shapes differ"), False),
    ],
    ids=str,
)
def test_a_lost_device_is_not_a_full_one(error, expected):
    """After losing its device a process must end; after running out of memory it goes on."""
    assert is_device_lost(error) is expected


def test_cached_memory_counts_as_free(monkeypatch):
    """The budget is a quarter of the free memory, including what torch has cached."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 9999))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 5000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2000)
    assert object_budget(torch.device("cuda:0")) == 1000


def test_releasing_memory_of_a_failed_gpu_does_not_raise(monkeypatch):
    """The failure of the GPU is reported elsewhere."""
    asked = []

    def empty_cache() -> None:
        asked.append("all")
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
    release_memory()
    assert asked == ["all"]
