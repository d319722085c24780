"""The engine: a network prepared for inference, in one precision and on one device.

Inputs and outputs are float32. Inside, encoders and decoder compute in the engine's precision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from stcn_plugin.device_failures import is_out_of_memory
from stcn_plugin.network.blocks import DecoderContext
from stcn_plugin.network.devices import object_budget
from stcn_plugin.network.folding import fold
from stcn_plugin.network.stcn import STCN, KeyFeatures, input_statistics
from stcn_plugin.network.variants import STRIDE, Variant

_LOGGER = logging.getLogger(__name__)

_NO_WORKSPACE = "unable to find an engine"
"""Part of the error that cuDNN raises if no algorithm's workspace fits in the free memory."""

OBJECT_SIZE = 300
"""Object size of weights that state none, in pixels."""

_LIVE_FEATURES = 6
"""Stride-4 feature maps per object that are in memory at the same time, counted in decoder and value encoder."""


@final
class Engine:
    """Runs a network.

    Args:
        network: In eval mode, float32, on its device. It is not changed and can be deleted.
        precision: Number format inside encoders and decoder.
        object_size: Larger dimension of the objects that the weights were trained on, in pixels.
        budget: Maximum size in bytes of the features of objects that are encoded or decoded together; at least one
            object is. ``None`` chooses by device.
    """

    def __init__(
        self,
        network: STCN,
        *,
        precision: torch.dtype = torch.float32,
        object_size: int = OBJECT_SIZE,
        budget: int | None = None,
    ) -> None:
        self.variant: Variant = network.variant
        self.object_size = object_size
        parameter = next(network.parameters())
        self.device = parameter.device
        self.precision = precision
        self._statistics = input_statistics(network.variant, parameter)  # once: sending them makes a GPU wait
        self._folded = fold(network, precision)
        self._budget = object_budget(self.device) if budget is None else budget

    def normalise(self, rgb: Tensor) -> Tensor:
        """Normalise display-referred RGB in 0-1, ``(..., 3, H, W)``, by the variant's input statistics."""
        mean, std = self._statistics
        return (rgb - mean) / std

    def encode_key(self, image: Tensor) -> KeyFeatures:
        """Encode one frame, ``(1, 3, H, W)``, normalised and padded to the stride. The key is float32."""
        query_key, f16, f8, f4 = self._folded.key(self._cast(image))
        return KeyFeatures(query_key.float().contiguous(), f16, f8, f4)

    def decoder_context(self, features: KeyFeatures) -> DecoderContext:
        """Compute the part of decoding that all objects share, for a query frame or a region of it."""
        f16, f8, f4 = (self._cast(part) for part in (features.f16, features.f8, features.f4))
        return DecoderContext(*self._folded.context(f16, f8, f4))

    def encode_value(
        self, image: Tensor, features: KeyFeatures, probabilities: Tensor, *, total: Tensor | None = None
    ) -> Tensor:
        """Encode the appearance of each object, as `STCN.encode_value`. Returns float32 memory values ``(O, C, h, w)``.

        ``total`` is the sum of all objects, ``(1, H, W)``; by default of those that are encoded.
        """
        if total is None:
            total = probabilities.sum(0, keepdim=True)
        f16, f8, f4 = (self._cast(part) for part in (features.f16, features.f8, features.f4))
        shared = self._folded.value_context(self._cast(image), f16, f8, f4)

        def encode(own: Tensor) -> Tensor:
            return self._folded.value(self._cast(torch.stack([own, total - own], 1)), *shared)

        return self._in_chunks(encode, probabilities, f16.shape[-2:].numel()).float()

    def decode(self, readout: Tensor, context: DecoderContext) -> Tensor:
        """Decode the memory readout to logits.

        Args:
            readout: ``(O, C, h, w)``, float32.
            context: From :meth:`decoder_context`, for the query frame or the same region of it.

        Returns:
            Logits ``(O, H, W)``, float32.
        """
        shared = [self._cast(part) for part in context]

        def decode(own: Tensor) -> Tensor:
            return self._folded.decode(self._cast(own), *shared)

        return self._in_chunks(decode, readout, readout.shape[-2:].numel())[:, 0]

    def _in_chunks(self, run: Callable[[Tensor], Tensor], objects: Tensor, elements: int) -> Tensor:
        """Run objects ``(O, ...)`` in chunks that fit the budget, in smaller ones after running out of memory."""
        each = _LIVE_FEATURES * STRIDE * elements * self.variant.decoder_channels[1] * self.precision.itemsize
        results: list[Tensor] = []
        start, count = 0, len(objects)
        while start < count:
            size = min(max(self._budget // each, 1), count - start)
            try:
                results.append(run(objects[start : start + size]))
            except (MemoryError, RuntimeError) as error:
                if size == 1 or not (is_out_of_memory(error) or _NO_WORKSPACE in str(error)):
                    raise
                self._budget = size // 2 * each
                _LOGGER.info("out of memory with %d objects together, trying %d", size, size // 2)
            else:
                start += size
        return results[0] if len(results) == 1 else torch.cat(results)

    def _cast(self, x: Tensor) -> Tensor:
        """Convert a tensor ``(N, C, H, W)`` to the engine's precision and memory format."""
        return x.to(self.precision).contiguous(memory_format=torch.channels_last)
