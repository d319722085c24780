"""Packed and plain convolutions equal separate operations of torch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stcn_plugin.network import convolution
from stcn_plugin.network.convolution import (
    ConvolutionSpec,
    FusedConvolution,
    PackedConvolution,
    make_convolution,
    packs,
)


def tensors(*, stride: int, groups: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(stride * 10 + groups)
    weight = torch.randn(8, 8 // groups, 3, 3, generator=generator)
    return weight, torch.randn(8, generator=generator), torch.randn(2, 8, 12, 10, generator=generator)


@pytest.mark.parametrize("kind", [FusedConvolution, PackedConvolution])
@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 8), (2, 8)])
@pytest.mark.parametrize("added", [None, 1, 2])
def test_a_convolution_adds_and_activates(kind, activation, stride, groups, added):
    """Both kinds compute convolution, addition (broadcast or per object) and activation, also when repeated."""
    if kind is PackedConvolution and not packs(torch.float32):
        pytest.skip("this torch has no packed convolutions")
    weight, bias, x = tensors(stride=stride, groups=groups)
    expected = functional.conv2d(x, weight, bias, stride=stride, padding=1, groups=groups)
    other = None if added is None else 5 * torch.randn(added, *expected.shape[1:])
    expected = expected if other is None else expected + other
    expected = {"none": lambda y: y, "relu": functional.relu, "relu6": functional.relu6}[activation](expected)
    module = kind(ConvolutionSpec(weight, bias, stride, 1, groups, activation))
    before = None if other is None else other.clone()
    for _ in range(3):  # the third time with packed weights
        assert torch.allclose(module(x, other), expected, atol=1e-4)
    assert other is None or torch.equal(other, before)


def test_plain_convolutions_are_used_if_packing_fails(monkeypatch):
    """If packing raises or gives wrong results, plain convolutions are used."""
    weight, bias, _ = tensors(stride=1, groups=1)
    spec = ConvolutionSpec(weight, bias, 1, 1, 1)

    class Failing(torch.nn.Module):
        def __init__(self, spec):
            raise RuntimeError("no such operator")

    class Wrong(FusedConvolution):
        def forward(self, x, added=None):
            return super().forward(x, added) + 1

    for broken in (Failing, Wrong):
        monkeypatch.setattr(convolution, "PackedConvolution", broken)
        packs.cache_clear()
        try:
            assert isinstance(make_convolution(spec), FusedConvolution)
            assert not packs(torch.float32)
        finally:
            packs.cache_clear()


def test_half_precision_is_never_packed():
    """float16 is for GPUs only."""
    assert not packs(torch.float16)
