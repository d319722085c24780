"""A network prepared for inference: traced, batch norm folded, additions and activations fused into convolutions.

The modules of the network stay as they are; the result are functions of tensors. They compute the same up to rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import add, iadd
from typing import cast

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node, Tracer
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from stcn_plugin.network.blocks import DecoderContext, FrameFeatures, JoinedConv2d, scaled
from stcn_plugin.network.convolution import Activation, ConvolutionSpec, make_convolution
from stcn_plugin.network.efficientnet import SameConv2d
from stcn_plugin.network.stcn import STCN

_ACTIVATIONS: dict[object, Activation] = {
    functional.relu: "relu",
    torch.relu: "relu",
    functional.relu6: "relu6",
}


@dataclass(frozen=True)
class FoldedNetwork:
    """The parts of a network that run separately. Tensors are in its precision, channels last.

    Args:
        key: ``image`` to ``(query_key, f16, f8, f4)``.
        context: ``(f16, f8, f4)`` to the four parts of a `DecoderContext`.
        value_context: ``(image, f16, f8, f4)`` to the part of the values that all objects share.
        value: ``(masks, *value_context)`` to memory values, ``(O, C, h, w)``.
        decode: ``(readout, *context)`` to logits ``(O, 1, H, W)``, float32.
    """

    key: Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
    context: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
    value_context: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, ...]]
    value: Callable[..., Tensor]
    decode: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def fold(network: STCN, precision: torch.dtype) -> FoldedNetwork:
    """Prepare a network for inference.

    Args:
        network: In eval mode, float32, on its device. It is not changed and can be deleted.
        precision: Number format of weights and features.
    """
    with torch.no_grad():
        parts = (_Key(network), _Context(network), _ValueContext(network), network.value_encoder, _Decode(network))
        key, context, value_context, value, decode = (_Folder(part, precision).fold() for part in parts)
    return FoldedNetwork(key, context, value_context, value, decode)


class _Part(nn.Module):
    def __init__(self, network: STCN) -> None:
        super().__init__()
        self.network = network


class _Key(_Part):
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.encode_key(image))


class _Context(_Part):
    def forward(self, f16: Tensor, f8: Tensor, f4: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.decoder_context(f16, f8, f4))


class _ValueContext(_Part):
    def forward(self, image: Tensor, f16: Tensor, f8: Tensor, f4: Tensor) -> tuple[Tensor, ...]:
        return self.network.value_encoder.precompute(FrameFeatures(image, f16, f8, f4))


class _Decode(_Part):
    def forward(self, readout: Tensor, residual: Tensor, identity: Tensor, skip8: Tensor, skip4: Tensor) -> Tensor:
        logits: Tensor = self.network.decoder(readout, DecoderContext(residual, identity, skip8, skip4))
        return logits


class _Tracer(Tracer):
    """Traces down to convolutions, linear layers and gains, which it does not trace into."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(scaled,))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (nn.Conv2d, nn.Linear)) or super().is_leaf_module(m, module_qualified_name)


class _Folder:
    """Folds one part."""

    def __init__(self, part: nn.Module, precision: torch.dtype) -> None:
        self._part = part
        self._precision = precision
        self._modules = dict(part.named_modules())
        tracer = _Tracer()
        self._graph: Graph = tracer.trace(part)
        vars(tracer).clear()  # it has reference cycles, which keep the network alive until the garbage collector runs
        self._fused: dict[str, nn.Module] = {}

    def fold(self) -> GraphModule:
        for node in list(self._graph.nodes):
            if isinstance(convolution := self._module(node), nn.Conv2d):
                self._fuse(node, convolution)
        self._graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        called = {str(node.target) for node in self._graph.nodes if node.op == "call_module"}
        rest = {name: _cast(self._modules[name], self._precision) for name in called - self._fused.keys()}
        return GraphModule({**rest, **self._fused}, self._graph)

    def _fuse(self, node: Node, convolution: nn.Conv2d) -> None:
        """Replace a convolution and the operations that only its result is used by with one module."""
        x, *which = node.args
        spec = _spec_of(convolution, *cast("list[int]", which))
        last, added = node, None
        replaced = [node]
        while (follower := _only_user(last)) is not None:
            norm, gain, other = self._module(follower), self._gain(follower, last), _other(follower, last)
            if added is None and isinstance(norm, nn.BatchNorm2d):
                spec = _with_batch_norm(spec, norm)
            elif added is None and gain is not None:
                spec = replace(spec, weight=spec.weight * gain[:, None], bias=_scaled_bias(spec.bias, gain))
            elif added is None and follower.target in (add, iadd) and other is not None:
                added = other
            else:
                break
            replaced.append(last := follower)
        if follower is not None and (activation := self._activation(follower)):
            spec = replace(spec, activation=activation)
            replaced.append(last := follower)
        name = f"convolution_{len(self._fused)}"
        self._fused[name] = make_convolution(spec.to(self._precision))
        with self._graph.inserting_before(last):
            fused = self._graph.call_module(name, (x,) if added is None else (x, added))
        last.replace_all_uses_with(fused)
        for old in reversed(replaced):
            self._graph.erase_node(old)

    def _module(self, node: Node | None) -> nn.Module | None:
        return self._modules.get(str(node.target)) if node is not None and node.op == "call_module" else None

    def _activation(self, node: Node) -> Activation | None:
        """Return the activation of a node, ``None`` if it is something else."""
        return "relu" if isinstance(self._module(node), nn.ReLU) else _ACTIVATIONS.get(node.target)

    def _gain(self, node: Node | None, scaled_node: Node) -> Tensor | None:
        """Return the parameter ``(C, 1, 1)`` if a node multiplies its input by one."""
        if node is None or node.target is not scaled or node.args[0] is not scaled_node:
            return None
        return self._part.get_parameter(str(cast("Node", node.args[1]).target))


def _spec_of(convolution: nn.Conv2d, which: int = 0) -> ConvolutionSpec:
    """Return the plain convolution that a module computes."""
    weight, bias = convolution.weight.detach(), convolution.bias
    padding = int(convolution.padding[0])
    if isinstance(convolution, JoinedConv2d):
        weight, bias = convolution.part(which)
    elif isinstance(convolution, SameConv2d) and (extra := convolution.after - convolution.before):
        # Symmetric padding, with zeros added to the kernel: the same sums without a padded copy of the image.
        weight, padding = functional.pad(weight, (extra, 0, extra, 0)), convolution.after
    return ConvolutionSpec(weight, bias, convolution.stride[0], padding, convolution.groups)


def _with_batch_norm(spec: ConvolutionSpec, norm: nn.BatchNorm2d) -> ConvolutionSpec:
    """Fold a batch norm into the convolution before it."""
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    weight, bias = fuse_conv_bn_weights(spec.weight, spec.bias, mean, variance, norm.eps, norm.weight, norm.bias)
    return replace(spec, weight=weight, bias=bias)


def _scaled_bias(bias: Tensor | None, gain: Tensor) -> Tensor | None:
    return None if bias is None else bias * gain.flatten()


def _only_user(node: Node) -> Node | None:
    """Return the only user of a node, ``None`` if there are several."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def _other(node: Node, known: Node) -> Node | None:
    """Return the other operand of a binary operation on tensors."""
    others = [operand for operand in node.args if operand is not known]
    return others[0] if len(others) == 1 and isinstance(others[0], Node) else None


def _cast(module: nn.Module, precision: torch.dtype) -> nn.Module:
    return copy.deepcopy(module).to(precision)
