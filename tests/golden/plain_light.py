"""An independent, dense and slow implementation of the `light` variant.

It uses no code of the package: only convolutions, sums and a softmax over the nearest memory elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

TOP_K = 20


class PlainLight:
    """The network and its propagation.

    Args:
        state: Entry name to tensor.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state

    def conv(self, name: str, x: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return functional.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)

    def conv3(self, name: str, x: Tensor) -> Tensor:
        return self.conv(name, x, padding=1)

    def normed(self, name: str, norm: str, x: Tensor, *, stride: int = 1, depthwise: bool = False) -> Tensor:
        """A convolution with TensorFlow's SAME padding, and batch norm."""
        needed = max(self.state[f"{name}.weight"].shape[-1] - stride, 0)
        before, after = needed // 2, needed - needed // 2
        pads = [before, after + x.shape[3] % stride, before, after + x.shape[2] % stride]
        y = self.conv(name, functional.pad(x, pads), stride=stride, groups=x.shape[1] if depthwise else 1)
        mean, variance, scale, shift = (
            self.state[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / (variance + 1e-3).sqrt() * scale + shift

    def key_features(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features at stride 4, 8 and 16."""
        root = "key_encoder"
        x = self.normed(f"{root}.conv_stem", f"{root}.bn1", image, stride=2).clamp(0, 6)
        first = f"{root}.blocks.0.0"
        x = self.normed(f"{first}.conv_dw", f"{first}.bn1", x, depthwise=True).clamp(0, 6)
        x = self.normed(f"{first}.conv_pw", f"{first}.bn2", x)
        found = []
        for stage, (count, stride) in enumerate([(2, 2), (2, 2), (3, 2), (3, 1), (4, 2)], 1):
            for number in range(count):
                block = f"{root}.blocks.{stage}.{number}"
                y = self.normed(f"{block}.conv_pw", f"{block}.bn1", x).clamp(0, 6)
                y = self.normed(
                    f"{block}.conv_dw", f"{block}.bn2", y, stride=1 if number else stride, depthwise=True
                ).clamp(0, 6)
                y = self.normed(f"{block}.conv_pwl", f"{block}.bn3", y)
                x = x + y if number else y
            found.append(x)
        f4, f8, _, f16, f32 = found
        deep = functional.interpolate(self.conv(f"{root}.deep", f32), scale_factor=2, mode="bilinear")
        return f4, f8, torch.cat([f16, deep[..., : f16.shape[2], : f16.shape[3]]], 1)

    def residual(self, name: str, x: Tensor) -> Tensor:
        return x + self.conv3(f"{name}.conv2", self.conv3(f"{name}.conv1", x.relu()).relu())

    def down(self, name: str, x: Tensor) -> Tensor:
        y = self.conv3(f"{name}.conv2", self.conv(f"{name}.conv1", x, stride=2, padding=1).relu())
        return (self.conv(f"{name}.downsample", x, stride=2) + self.state[f"{name}.gain"] * y).relu()

    def value(self, features: Sequence[Tensor], own: Tensor, others: Tensor) -> Tensor:
        """Return the memory value of one object with the mask ``(H, W)``."""
        f4, f8, f16 = features
        root = "value_encoder"
        x = self.conv(f"{root}.mask", torch.stack([own, others])[None], stride=4, padding=2)
        x = self.down(f"{root}.down_8", (x + self.conv(f"{root}.from_4", f4)).relu())
        x = self.down(f"{root}.down_16", (x + self.conv(f"{root}.from_8", f8)).relu())
        x = x + self.conv(f"{root}.from_16", f16)
        return self.residual(f"{root}.block2", self.residual(f"{root}.block1", x))

    def up(self, name: str, x: Tensor, skip: Tensor) -> Tensor:
        doubled = functional.interpolate(self.conv(f"{name}.narrow", x), scale_factor=2, mode="bilinear")
        return self.residual(f"{name}.out_conv", doubled + self.conv3(f"{name}.skip_conv", skip))

    def decoded(self, features: Sequence[Tensor], read: Tensor) -> Tensor:
        """Return the logits ``(H, W)`` of one object from its readout, ``(1, C, h, w)``."""
        f4, f8, f16 = features
        query = self.conv3("key_comp", f16)
        root = "decoder.compress"
        inner = self.conv3(f"{root}.conv1", torch.cat([read, query], 1).relu())
        x = read + self.conv(f"{root}.identity", query) + self.conv3(f"{root}.conv2", inner.relu())
        x = self.up("decoder.up_8_4", self.up("decoder.up_16_8", x, f8), f4)
        return functional.interpolate(self.conv3("decoder.pred", x.relu()), scale_factor=4, mode="bilinear")[0, 0]

    def propagated(self, frames: Tensor, masks: Tensor, interval: int) -> Tensor:
        """Return probabilities ``(O + 1, T, H, W)`` of frames ``(T, 3, H, W)`` from the first masks, ``(O, H, W)``."""
        keys: list[Tensor] = []
        values: list[list[Tensor]] = [[] for _ in masks]
        results = []
        for number, frame in enumerate(frames):
            features = self.key_features(frame[None])
            key = self.conv3("key_proj.key_proj", features[2])[0].flatten(1)
            if number:
                affinity = _affinity(torch.cat(keys, 1), key)
                shape = features[2].shape[2:]
                reads = [(torch.cat(kept, 2) @ affinity).unflatten(2, shape) for kept in values]
                own = torch.stack([self.decoded(features, read) for read in reads]).sigmoid()
            else:
                own = masks
            joint = torch.cat([(1 - own).prod(0, keepdim=True), own]).clamp(1e-7, 1 - 1e-7)
            odds = joint / (1 - joint)
            results.append(odds / odds.sum(0))
            if number % interval == 0:
                keys.append(key)
                seen = results[-1][1:]
                for kept, mask in zip(values, seen, strict=True):
                    kept.append(self.value(features, mask, seen.sum(0) - mask).flatten(2))
        return torch.stack(results, 1)


def _affinity(memory_key: Tensor, key: Tensor) -> Tensor:
    """Return ``(elements, pixels)``: for each pixel the softmax over its nearest elements."""
    similarity = -((memory_key[:, :, None] - key[:, None, :]) ** 2).sum(0) / len(key) ** 0.5
    nearest = similarity.topk(min(TOP_K, len(similarity)), dim=0)
    return torch.zeros_like(similarity).scatter(0, nearest.indices, nearest.values.softmax(0))
