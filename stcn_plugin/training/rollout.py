"""What the network makes of a batch of short clips, as training needs it: everything differentiable, all clips at once.

The first frame is given; the second is read from the first; the third from both, the second remembered by its own
*predicted, soft* masks (STCN, section 4), so that the network learns to live with what it made itself.

Legend: ``B`` clips, ``T`` frames, ``S`` object slots of a clip, ``N`` objects of all clips together, ``C`` channels,
``H, W`` input size (multiples of 16), ``h, w`` a sixteenth of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from stcn_plugin.network.blocks import Shared
from stcn_plugin.network.stcn import STCN, DecoderContext, normalise

_EPSILON = 1e-7


class Rollout(nn.Module):
    """The network over short clips; a module, so that it can be wrapped for several GPUs.

    Args:
        network: What is trained.
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
            present: ``(B, S)`` bool, which slots have an object.

        Returns:
            Logits of background and objects, ``(B, T - 1, S + 1, H, W)``, float32; a softmax over the slots gives the
            aggregated probabilities. Slots without an object are next to impossible.
        """
        clips, slots = present.nonzero(as_tuple=True)
        frames = [self._encode_key(image) for image in normalise(rgb, self.network.variant).unbind(1)]
        # As in use, where keyframes are set against each other too before they are remembered.
        given = _aggregated_logits(first[clips, slots], clips, slots, present)
        masks, memory_keys, memory_values, logits = given.softmax(1)[:, 1:], [], [], []
        for remembered, query in pairwise(frames):
            memory_keys.append(remembered.key)
            memory_values.append(self._encode_value(remembered, masks, clips, slots))
            readout = _read(torch.cat(memory_keys, 2), torch.cat(memory_values, 2), query.key, clips)
            own = torch.sigmoid(self._decode(readout.view(*readout.shape[:2], *query.f16.shape[-2:]), query, clips))
            logits.append(_aggregated_logits(own, clips, slots, present))
            masks = logits[-1].softmax(1)[:, 1:]
        return torch.stack(logits, 1)

    def _encode_key(self, image: Tensor) -> _Frame:
        network = self.network
        with self._autocast(image.device):
            f16, f8, f4 = network.key_encoder(image)
            query_value = network.key_comp(f16)
            context = network.decoder.share(query_value, f8, f4)
            shared = network.value_encoder.share(f16)
        key = network.key_proj(f16.float())
        return _Frame(image, key.flatten(2), f16, context, shared)

    def _encode_value(self, frame: _Frame, masks: Tensor, clips: Tensor, slots: Tensor) -> Tensor:
        """Return values ``(N, C, h w)`` of every object in one frame, given all masks ``(B, S, H, W)``."""
        own = masks[clips, slots]
        others = masks.sum(1).index_select(0, clips) - own
        image_masks = torch.cat([frame.image.index_select(0, clips), own[:, None], others[:, None]], 1)
        with self._autocast(image_masks.device):
            value: Tensor = self.network.value_encoder(
                image_masks.contiguous(memory_format=torch.channels_last),
                Shared(*(part.index_select(0, clips) for part in frame.shared)),
            )
        return value.float().flatten(2)

    def _decode(self, readout: Tensor, query: _Frame, clips: Tensor) -> Tensor:
        """Return logits ``(N, H, W)`` of every object by itself."""
        context = DecoderContext(*(part.index_select(0, clips) for part in query.context))
        with self._autocast(readout.device):
            logits: Tensor = self.network.decoder(readout.contiguous(memory_format=torch.channels_last), context)
        return logits[:, 0].float()

    def _autocast(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, self._precision, enabled=self._precision is not torch.float32)


class _Frame:
    """One encoded frame of every clip."""

    def __init__(self, image: Tensor, key: Tensor, f16: Tensor, context: DecoderContext, shared: Shared) -> None:
        self.image = image
        self.key = key
        self.f16 = f16
        self.context = context
        self.shared = shared


def _keep_depthwise_in_float32(network: STCN) -> None:
    """Leave depthwise convolutions out of autocast: in bfloat16 a CPU takes four times as long for their gradients."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.weight.requires_grad:
            module.forward = partial(_in_float32, module.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return forward(x.float()).to(x.dtype)


def _read(memory_key: Tensor, memory_value: Tensor, query_key: Tensor, clips: Tensor) -> Tensor:
    """Read memory densely; every object of a clip shares the clip's affinity.

    Args:
        memory_key: ``(B, C, M)``.
        memory_value: ``(N, C, M)``.
        query_key: ``(B, C, P)``.
        clips: ``(N,)`` clip of each object.

    Returns:
        ``(N, C, P)``.
    """
    # As in memory.reading, which serves inference: without the query's own norm, which softmax cancels.
    norm = memory_key.square().sum(1)[:, :, None]
    similarity = (2 * memory_key.transpose(1, 2) @ query_key - norm) * memory_key.shape[1] ** -0.5
    affinity = similarity.softmax(1)
    return torch.bmm(memory_value, affinity.index_select(0, clips))


def _aggregated_logits(own: Tensor, clips: Tensor, slots: Tensor, present: Tensor) -> Tensor:
    """Set objects against each other and the background, clip by clip, as `propagation.aggregation` does.

    Args:
        own: ``(N, H, W)`` each object's own probability.
        clips: ``(N,)`` clip of each object.
        slots: ``(N,)`` slot of each object.
        present: ``(B, S)`` bool.

    Returns:
        ``(B, S + 1, H, W)``, background first.
    """
    probabilities = own.new_zeros(*present.shape, *own.shape[1:]).index_put((clips, slots), own)
    background = (1 - probabilities).prod(1, keepdim=True)
    return torch.cat([background, probabilities], 1).clamp(_EPSILON, 1 - _EPSILON).logit()
