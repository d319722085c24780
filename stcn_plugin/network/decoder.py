"""The decoder: readout and query value to logits."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from stcn_plugin.network.blocks import DecoderContext, JoinedBlock, Shared, UpsampleBlock, conv3x3
from stcn_plugin.network.light import LightJoinedBlock, LightUpsampleBlock
from stcn_plugin.network.variants import Variant


class Decoder(nn.Module):
    """Decodes readout and query value to logits, with skip connections at stride 8 and 4.

    The parts that depend only on the frame are computed once for all objects (:meth:`precompute`).

    Args:
        variant: Its channels and kind of blocks. ``light`` needs as many memory value channels as channels of the first
            stage.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        is_light = variant.encoders == "light"
        f4, f8, _ = variant.skip_channels
        first, middle, last = variant.decoder_channels
        values, query_value = variant.memory_value_channels, variant.query_value_channels
        self.compress: JoinedBlock | LightJoinedBlock = (
            LightJoinedBlock(values, query_value) if is_light else JoinedBlock((values, query_value), first)
        )
        upsample = LightUpsampleBlock if is_light else UpsampleBlock
        self.up_16_8 = upsample(skip=f8, inputs=first, outputs=middle)
        self.up_8_4 = upsample(skip=f4, inputs=middle, outputs=last)
        self.pred = conv3x3(last, 1)

    def precompute(self, query_value: Tensor, f8: Tensor, f4: Tensor) -> DecoderContext:
        """Return the part that all objects share, from the query value ``(1, C, h, w)`` and skip features of a frame."""
        residual, identity = self.compress.precompute(query_value)
        return DecoderContext(residual, identity, self.up_16_8.skip_conv(f8), self.up_8_4.skip_conv(f4))

    def forward(self, readout: Tensor, context: DecoderContext) -> Tensor:
        """Map readouts ``(O, C, h, w)`` to logits ``(O, 1, H, W)``, float32."""
        x = self.compress(readout, Shared(context.residual, context.identity))
        x = self.up_16_8(context.skip8, x)
        x = self.up_8_4(context.skip4, x)
        logits = self.pred(functional.relu(x))
        # Enlarged in float32: the edge of a matte falls between two of these pixels.
        return functional.interpolate(logits.float(), scale_factor=4.0, mode="bilinear", align_corners=False)
