"""Convolutions for inference, fused with the addition and activation that follow.

`FusedConvolution` runs on every device. `PackedConvolution` keeps its weights in oneDNN's format and lets oneDNN add and
activate while the result is in the cache; on the CPU this is faster than the compiled network.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.backends import mkldnn
from torch.nn import functional

from stcn_plugin.threads import one_thread

Activation = Literal["none", "relu", "relu6"]

_LOGGER = logging.getLogger(__name__)

_DEEP = 512 * 9
"""Products per result above which oneDNN divides the sums of small images among threads, which changes the last bits."""

_SMALL = 1024
"""Pixels up to which an image counts as small there."""


@dataclass(frozen=True)
class ConvolutionSpec:
    """One convolution with the activation that follows it.

    Args:
        weight: ``(outputs, inputs / groups, rows, columns)``, with batch norm folded in.
        bias: ``(outputs,)``, or none.
        stride: Stride in both dimensions.
        padding: Padding on all sides.
        groups: As in `torch.nn.Conv2d`.
        activation: Applied last, after the addition.
    """

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int
    groups: int
    activation: Activation = "none"

    def to(self, precision: torch.dtype) -> ConvolutionSpec:
        """Return a copy in another precision, without gradients."""
        bias = None if self.bias is None else self.bias.detach().to(precision)
        return replace(self, weight=self.weight.detach().to(precision), bias=bias)


class FusedConvolution(nn.Module):
    """Convolution, addition and activation on any device.

    Args:
        spec: The convolution, in its precision and on its device.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, spec: ConvolutionSpec) -> None:
        super().__init__()
        self.register_buffer("weight", spec.weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", spec.bias)
        self._spec = spec

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``; ``added`` has that shape, or 1 for N."""
        spec = self._spec
        y = functional.conv2d(x, self.weight, self.bias, spec.stride, spec.padding, groups=spec.groups)
        return _activated(y if added is None else y.add_(added), spec.activation)


class PackedConvolution(nn.Module):
    """Convolution, addition and activation by oneDNN on the CPU.

    Args:
        spec: The convolution, in its precision.
    """

    def __init__(self, spec: ConvolutionSpec) -> None:
        super().__init__()
        self._activation = spec.activation
        self._arguments = [spec.padding] * 2, [spec.stride] * 2, [1, 1], spec.groups
        self._weight = spec.weight.contiguous(memory_format=torch.channels_last)
        self._is_deep = self._weight[0].numel() > _DEEP
        self._bias = spec.bias
        self._packed = self._weight
        self._packed_for: torch.Size | None = None
        self._last: torch.Size | None = None

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Map ``(N, inputs, H, W)`` to ``(N, outputs, H/stride, W/stride)``; ``added`` has that shape, or 1 for N."""
        is_divided = self._is_deep and x.shape[0] * x.shape[2] * x.shape[3] <= _SMALL
        with one_thread(x.device) if is_divided else nullcontext():
            return self._convolved(x, added)

    def _convolved(self, x: Tensor, added: Tensor | None) -> Tensor:
        convolve, weight = torch.ops.mkldnn._convolution_pointwise, self._weight_for(x.shape)
        name, limits = _POINTWISE[self._activation]
        if added is None:
            plain: Tensor = convolve(x, weight, self._bias, *self._arguments, name, limits, "")
            return plain
        if added.shape[0] == x.shape[0] and self._activation != "relu6":  # not supported by oneDNN after an addition
            unary = None if name == "none" else name
            joined: Tensor = convolve.binary(
                x, added, weight, self._bias, *self._arguments, "add", 1.0, unary, limits, ""
            )
            return joined
        alone: Tensor = convolve(x, weight, self._bias, *self._arguments, "none", [], "")
        return _activated(alone.add_(added), self._activation)

    def _weight_for(self, size: torch.Size) -> Tensor:
        """Return the weights, packed from the second call with the same size, because oneDNN packs for one size, slowly."""
        if size == self._packed_for:
            return self._packed
        if size != self._last:
            self._last = size
            return self._weight
        padding, stride, dilation, groups = self._arguments
        pack = torch.ops.mkldnn._reorder_convolution_weight
        self._packed = pack(self._weight, padding, stride, dilation, groups, list(size))
        self._packed_for = size
        return self._packed


_POINTWISE: dict[Activation, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}


def make_convolution(spec: ConvolutionSpec) -> nn.Module:
    """Return the fastest module for a convolution on the device and in the precision of its weights."""
    kind = convolution_kind(spec.weight.device, spec.weight.dtype)
    return PackedConvolution(spec) if kind == "packed" else FusedConvolution(spec)


def convolution_kind(device: torch.device, precision: torch.dtype) -> Literal["packed", "plain"]:
    """Return which convolutions run fastest on a device in a precision."""
    return "packed" if device.type == "cpu" and packs(precision) else "plain"


@cache
def packs(precision: torch.dtype) -> bool:
    """Return whether this torch and this CPU support packed convolutions; tested once on a small one.

    Args:
        precision: Number format of weights and features.
    """
    has_onednn = bool(mkldnn.is_available())  # type: ignore[no-untyped-call]
    if not has_onednn or precision not in (torch.float32, torch.bfloat16):
        return False
    count = 8 * 8 * 3 * 3
    weight = (torch.arange(count) % 7 - 3).reshape(8, 8, 3, 3).to(precision) / 8
    x = (torch.arange(8 * 5 * 6) % 5 - 2).reshape(1, 8, 5, 6).to(precision)
    x = x.contiguous(memory_format=torch.channels_last)
    spec = ConvolutionSpec(weight, weight[0, :, 0, 0].clone(), 1, 1, 1, "relu")
    try:
        convolution = PackedConvolution(spec)
        results = [convolution(x, x) for _ in range(2)]  # the second time with packed weights
    except (AttributeError, RuntimeError, TypeError) as error:  # not supported by this torch or CPU
        _LOGGER.info("convolutions are not packed: %s", error)
        return False
    expected = FusedConvolution(spec)(x, x)
    is_correct = all(torch.allclose(found.float(), expected.float(), rtol=0.02, atol=0.02) for found in results)
    if not is_correct:
        _LOGGER.warning("convolutions are not packed: their results are wrong here")
    return is_correct


def _activated(y: Tensor, activation: Activation) -> Tensor:
    """Activate in place."""
    if activation == "relu":
        return y.relu_()
    return y.clamp_(0, 6) if activation == "relu6" else y
