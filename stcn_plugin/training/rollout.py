"""Differentiable propagation through a batch of short clips.

The masks of the first frame are given. Frame 2 is predicted from frame 1, frame 3 from frames 1 and 2, and so on. The
memory holds the *predicted, soft* masks of frame 2 (STCN, section 4), so the network learns to handle its own errors.

Legend: ``B`` clips, ``T`` frames, ``S`` object slots of a clip, ``N`` objects of all clips together, ``C`` channels,
``H, W`` input size (multiples of 16), ``h, w`` a sixteenth of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from stcn_plugin.memory.reading import readout, search_keys, search_queries, similarity
from stcn_plugin.network.blocks import DecoderContext, FrameFeatures
from stcn_plugin.network.stcn import STCN, normalise
from stcn_plugin.propagation.aggregation import aggregated_logits


class Rollout(nn.Module):
    """The network applied to short clips; a module, so that it can be wrapped for distributed training.

    Args:
        network: The network to train.
        precision: Number format of encoders and decoder; keys, affinity and logits are float32.
    """

    def __init__(self, network: STCN, *, precision: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self._precision = precision
        if precision is not torch.float32:
            _keep_depthwise_in_float32(network)

    def forward(self, rgb: Tensor, first: Tensor, present: Tensor) -> Tensor:
        """Predict every frame after the first.

        Args:
            rgb: ``(B, T, 3, H, W)`` display-referred, 0-1.
            first: ``(B, S, H, W)`` masks of the first frame, 0-1; 0 in slots without an object.
            present: ``(B, S)`` bool, slots that hold an object.

        Returns:
            Logits of background and objects, ``(B, T - 1, S + 1, H, W)``, float32. Their softmax over the slots is the
            aggregated probability; it is almost 0 for slots without an object.
        """
        clips, slots = present.nonzero(as_tuple=True)
        frames = [self._encode_key(image) for image in normalise(rgb, self.network.variant).unbind(1)]
        # Keyframe masks are aggregated before they enter the memory, as in inference.
        keyframe = aggregated_logits(first * present[..., None, None])
        masks, memory_keys, memory_values, logits = keyframe.softmax(1)[:, 1:], [], [], []
        for memory, query in pairwise(frames):
            memory_keys.append(memory.key)
            memory_values.append(self._encode_value(memory, masks, clips, slots))
            values = _read(torch.cat(memory_keys, 2), torch.cat(memory_values, 2), query.key, present)
            objects = torch.sigmoid(self._decode(values.view(*values.shape[:2], *query.size), query, clips))
            all_slots = objects.new_zeros(*present.shape, *objects.shape[1:]).index_put((clips, slots), objects)
            logits.append(aggregated_logits(all_slots))
            masks = logits[-1].softmax(1)[:, 1:]
        return torch.stack(logits, 1)

    def _encode_key(self, image: Tensor) -> _Frame:
        network = self.network
        with self._autocast(image.device):
            f16, f8, f4 = network.key_encoder(image)
            context = network.decoder_context(f16, f8, f4)
            shared = network.value_encoder.precompute(FrameFeatures(image, f16, f8, f4))
        key = network.key_proj(f16.float())
        return _Frame(key.flatten(2), f16.shape[-2:], context, shared)

    def _encode_value(self, frame: _Frame, masks: Tensor, clips: Tensor, slots: Tensor) -> Tensor:
        """Return the memory values ``(N, C, h w)`` of all objects in one frame, from all masks ``(B, S, H, W)``."""
        objects = masks[clips, slots]
        others = masks.sum(1).index_select(0, clips) - objects
        pair = torch.stack([objects, others], 1).contiguous(memory_format=torch.channels_last)
        shared = (part.index_select(0, clips) for part in frame.shared)
        with self._autocast(pair.device):
            value: Tensor = self.network.value_encoder(pair, *shared)
        return value.float().flatten(2)

    def _decode(self, readout: Tensor, query: _Frame, clips: Tensor) -> Tensor:
        """Return the logits ``(N, H, W)`` of all objects, before aggregation."""
        context = DecoderContext(*(part.index_select(0, clips) for part in query.context))
        with self._autocast(readout.device):
            logits: Tensor = self.network.decoder(readout.contiguous(memory_format=torch.channels_last), context)
        return logits[:, 0].float()

    def _autocast(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, self._precision, enabled=self._precision is not torch.float32)


@dataclass(frozen=True, eq=False)
class _Frame:
    """One encoded frame of every clip."""

    key: Tensor
    size: torch.Size
    context: DecoderContext
    shared: tuple[Tensor, ...]


def _keep_depthwise_in_float32(network: STCN) -> None:
    """Exclude depthwise convolutions from autocast: on CPUs, their bfloat16 gradients take four times as long."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.weight.requires_grad:
            module.forward = partial(_in_float32, module.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return forward(x.float()).to(x.dtype)


def _read(memory_keys: Tensor, memory_values: Tensor, query_keys: Tensor, present: Tensor) -> Tensor:
    """Read the complete memory of every clip. The objects of a clip share its affinity.

    Args:
        memory_keys: ``(B, C, M)``.
        memory_values: ``(N, C, M)``.
        query_keys: ``(B, C, P)``.
        present: ``(B, S)`` bool; its true entries, in order, are the objects of ``memory_values``.

    Returns:
        ``(N, C, P)``.
    """
    parts = []
    values_of_clips = torch.split(memory_values, present.sum(1).tolist())
    for memory_key, values, query_key in zip(memory_keys, values_of_clips, query_keys, strict=True):
        similarities = similarity(search_keys(memory_key), search_queries(query_key))
        elements = readout(similarities, values.flatten(0, 1).T, top_k=None)
        parts.append(elements.T.reshape(*values.shape[:2], -1))
    return torch.cat(parts)
