"""Loading an engine: choice of precision, logging, and memory."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import weakref

import pytest
import torch

from stcn_plugin.network import devices
from stcn_plugin.network.convolution import packs
from stcn_plugin.network.devices import choose_precision
from stcn_plugin.weights import loading
from stcn_plugin.weights.loading import load_engine
from stcn_plugin.weights.reading import build_network, read_weights, write_weights
from stcn_plugin.weights.store import WeightsStore

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_choice_is_logged(precision, caplog):
    """Variant, device, precision, convolutions and threads are logged once per engine."""
    caplog.set_level(logging.INFO, logger="stcn_plugin")
    engine = load_engine(device="cpu", precision=precision)
    kind = "packed" if packs(engine.precision) else "plain"
    expected = f"lite on cpu in torch.{precision}, {kind} convolutions, {torch.get_num_threads()} threads"
    assert [record.message for record in caplog.records if "threads" in record.message] == [expected]


@pytest.mark.parametrize(
    ("capabilities", "packed", "expected"),
    [
        ({"avx512_bf16": True}, True, torch.bfloat16),
        ({"amx_bf16": True}, True, torch.bfloat16),
        ({"bf16": True}, True, torch.bfloat16),
        ({"bf16": True}, False, torch.float32),
        ({"avx2": True, "avx512_bf16": False}, True, torch.float32),
    ],
)
def test_bfloat16_needs_support_by_cpu_and_library(capabilities, packed, expected, monkeypatch):
    """On a CPU, auto is bfloat16 if the CPU has instructions for it and oneDNN packs it, otherwise float32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(devices, "packs", lambda _: packed)
    assert choose_precision("auto", CPU) is expected


@pytest.mark.parametrize(("precision", "rounds"), [("float32", False), ("bfloat16", True)])
def test_float32_is_not_rounded_on_a_gpu(precision, rounds, monkeypatch):
    """cuDNN may use TF32 unless the precision is float32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not rounds)
    monkeypatch.setattr(loading, "choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(loading, "build_network", lambda weights, device: build_network(weights, device=CPU))
    load_engine(device="cuda", precision=precision)
    assert torch.backends.cudnn.allow_tf32 is rounds


@pytest.mark.parametrize(
    ("stated", "size"), [("352", 352), ("", 300), ("0", 300), ("-5", 300), ("1e3", 300), ("99999", 300)]
)
def test_weights_state_the_size_of_their_objects(stated, size, tmp_path):
    """Windows are enlarged up to it; what is no size is ignored."""
    starter = read_weights(WeightsStore().path("starter"))
    path = tmp_path / "stated.safetensors"
    write_weights(path, starter, metadata={"object_size": stated})
    assert load_engine(str(path), device="cpu").object_size == size


def test_the_network_is_freed_after_loading(monkeypatch):
    """The network is freed without the garbage collector, and torch's cache is released after that."""
    networks, alive = [], []
    monkeypatch.setattr(loading, "release_memory", lambda: alive.extend(network() for network in networks))

    def watched(weights, device):
        network = build_network(weights, device=device)
        networks.append(weakref.ref(network))
        return network

    monkeypatch.setattr(loading, "build_network", watched)
    gc.disable()
    try:
        engine = load_engine(device="cpu")
        assert alive == [None]
    finally:
        gc.enable()
    assert engine.variant.name == "lite"


@pytest.mark.slow
def test_the_starter_weights_need_no_compiler_and_no_torchvision():
    """Loading and running the engine imports neither torch's compiler nor torchvision, which take seconds."""
    program = """
import sys, torch
from stcn_plugin import load_engine
engine = load_engine()
engine.encode_key(torch.rand(1, 3, 32, 48))
print(sorted({"torchvision", "torch._dynamo", "torch._inductor"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
