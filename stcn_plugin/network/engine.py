"""The engine: a network made ready to run, in one number format, on one device.

What goes in and comes out is float32; inside, encoders and decoder compute in the engine's precision.
"""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from stcn_plugin.network.stcn import STCN, DecoderContext
from stcn_plugin.network.variants import Variant


class QueryFeatures(NamedTuple):
    """What the engine says of one frame; all objects share it."""

    query_key: Tensor
    """``(1, 64, h, w)`` float32: also the memory key when the frame is memorised."""
    f16: Tensor
    """``(1, C, h, w)``: for the value encoder."""
    context: DecoderContext
    """For the decoder."""


@final
class Engine:
    """Runs a network.

    Args:
        network: In eval mode, on its device.
        precision: Number format inside encoders and decoder.
    """

    def __init__(self, network: STCN, *, precision: torch.dtype = torch.float32) -> None:
        self._network = network
        self.variant: Variant = network.variant
        self.device = next(network.parameters()).device
        self.precision = precision

    def normalise(self, rgb: Tensor) -> Tensor:
        """Centre display-referred RGB in 0-1, ``(..., 3, H, W)``, by the variant's input statistics."""
        return self._network.normalise(rgb)

    def encode_key(self, image: Tensor) -> QueryFeatures:
        """Encode one frame, ``(1, 3, H, W)``, normalised and padded to the stride."""
        with self._autocast():
            features = self._network.encode_key(image)
            return QueryFeatures(features.query_key.float(), features.f16, self._network.share(features))

    def encode_value(self, image: Tensor, f16: Tensor, probabilities: Tensor) -> Tensor:
        """Encode what each object is in one frame.

        Args:
            image: ``(1, 3, H, W)``, the frame that gave ``f16``.
            f16: Stride-16 features of the frame.
            probabilities: ``(O, H, W)``, aggregated, without the background.

        Returns:
            Memory values ``(O, C, h, w)``, float32.
        """
        with self._autocast():
            return self._network.encode_value(image, f16, probabilities).float()

    def decode(self, readout: Tensor, context: DecoderContext) -> Tensor:
        """Turn what was read from memory, ``(O, C, h, w)``, into logits ``(O, H, W)``, float32."""
        with self._autocast():
            return self._network.decode(readout, context).float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision is not torch.float32)
