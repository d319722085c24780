"""One pass through a shot: frames in, probabilities out, memory kept on the way.

The same propagator serves both schedules and both directions; a pass is whatever order the frames come in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.memory.bank import Keep, MemoryBank, ReadSettings
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import KeyFeatures
from stcn_plugin.network.variants import STRIDE
from stcn_plugin.propagation.aggregation import aggregate
from stcn_plugin.propagation.region import around, crop_context, crop_features, find_region, presence

Schedule = Literal["absolute", "relative"]


@dataclass(frozen=True)
class PropagationSettings:
    """When frames are memorised, and how memory is read.

    Args:
        interval: Frames between two memory frames.
        schedule: ``absolute`` memorises when the frame's index is a multiple of the interval, ``relative`` when
            interval frames have passed since the last memory frame.
        include_last: Also remember the previous frame for one step.
        region: Whether only the region of each object is decoded, and not the whole frame.
        read: Top-k, cap and budget of the memory.
    """

    interval: int = 5
    schedule: Schedule = "absolute"
    include_last: bool = False
    region: bool = True
    read: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class Prediction:
    """What one step gives.

    Args:
        own: ``(O, H, W)``, each object's own probability; on a keyframe the artist's mask. Objects are in the
            propagator's order; those not in play are 0.
        shares: ``(O, H, W)``, what the network would remember of this frame, before soft aggregation.
    """

    own: Tensor
    shares: Tensor

    @property
    def aggregated(self) -> Tensor:
        """``(O + 1, H, W)``, background first, after soft aggregation."""
        return aggregate(self.shares)


@dataclass
class _Cohort:
    """Objects that came in on the same frame and so share memory frames and affinity."""

    objects: list[int]
    bank: MemoryBank


class Propagator:
    """Carries objects from frame to frame.

    Args:
        engine: On the device where everything will run.
        objects: Names of all objects that will ever appear; their order is that of the predictions.
        settings: Schedule, memory and precision.

    Example::

        propagator = Propagator(engine, objects=["hero"], settings=PropagationSettings())
        propagator.step(0, first_image, keyframe={"hero": mask})
        matte = propagator.step(1, second_image).own[0]
    """

    def __init__(self, engine: Engine, *, objects: Sequence[str], settings: PropagationSettings) -> None:
        self._engine = engine
        self._position = {name: position for position, name in enumerate(objects)}
        self._settings = settings
        self._cohorts: list[_Cohort] = []
        self._rows = self._rows_in_play()
        self._last_memorised = 0

    @property
    def in_play(self) -> tuple[int, ...]:
        """Positions of the objects that are being propagated, in the order of their memory."""
        return tuple(position for cohort in self._cohorts for position in cohort.objects)

    @torch.inference_mode()
    def step(
        self, index: int, image: Tensor, *, keyframe: Mapping[str, Tensor] | None = None, memorise: bool = True
    ) -> Prediction:
        """Go one frame further.

        Args:
            index: Zero-based position of the frame in the shot.
            image: ``(3, H, W)`` display-referred RGB in 0-1, on the engine's device; any size.
            keyframe: ``(H, W)`` masks in 0-1 of the objects whose matte is given on this frame. New names come
                into play; those already in play are corrected and remembered.
            memorise: Whether this frame may be remembered for later ones; the last frame of a pass need not be.
        """
        height, width = image.shape[-2:]
        padding = _padding(height, width)
        padded = functional.pad(self._engine.normalise(image), padding)[None]
        features = self._engine.encode_key(padded)
        own = self._predict(features, padded.shape[-2:])
        shares = own
        if keyframe:
            positions = [self._position[name] for name in keyframe]
            masks = functional.pad(torch.stack(list(keyframe.values())).to(own), padding)
            # Where the artist drew, nothing else can be.
            free = 1 - masks.sum(0).clamp(max=1)
            own, shares = own * free, aggregate(own)[1:] * free
            for position, mask in zip(positions, masks, strict=True):  # one by one: a list would be sent to the device
                own[position], shares[position] = mask, mask
            self._bring_in(positions)
            if memorise:
                self._memorise(index, padded, features, shares, keep="while_room", given=positions)
        elif memorise and self.in_play:
            is_due = self._is_due(index)
            if is_due or self._settings.include_last:
                keep: Keep = "while_room" if is_due else "one_step"
                self._memorise(index, padded, features, shares, keep=keep)
        top, left = padding[2], padding[0]
        inside = (..., slice(top, top + height), slice(left, left + width))
        return Prediction(own[inside], shares[inside])

    def retire(self, names: Iterable[str]) -> None:
        """Take objects out of play for the rest of the pass, and forget them."""
        leaving = {self._position[name] for name in names}.intersection(self.in_play)
        if not leaving:
            return
        for position in leaving:
            for cohort in self._cohorts:
                if position in cohort.objects:
                    cohort.bank.drop_object(cohort.objects.index(position))
                    cohort.objects.remove(position)
        self._cohorts = [cohort for cohort in self._cohorts if cohort.objects]
        self._rows = self._rows_in_play()

    def _predict(self, features: KeyFeatures, size: torch.Size) -> Tensor:
        """Return every object's own probability, ``(O, H, W)``."""
        own = features.query_key.new_zeros((len(self._position), *size))
        if not self._cohorts:
            return own
        query_key = features.query_key[0]
        read = torch.cat([cohort.bank.read(query_key) for cohort in self._cohorts])
        readout, present = read[:, :-1], read[:, -1]
        if not self._settings.region:
            own[self._rows] = self._engine.decode(readout, self._engine.share(features)).sigmoid()
            return own
        regions = [find_region(each) for each in present.cpu().numpy()]
        if not any(regions):
            return own
        outer = around(chain.from_iterable(regions))
        shared = self._engine.share(crop_features(features, outer))
        for row, (position, region) in enumerate(zip(self.in_play, regions, strict=True)):
            for box in region:
                (rows, columns), (lines, pixels) = box.slices(), box.slices(STRIDE)
                context = crop_context(shared, box.within(outer))
                logits = self._engine.decode(readout[row, None, :, rows, columns], context)
                # Where boxes overlap, what lies in the middle of one is at the edge of another, which sees less of it.
                torch.maximum(there := own[position, lines, pixels], logits[0].sigmoid(), out=there)
        return own

    def _bring_in(self, positions: Iterable[int]) -> None:
        newcomers = [position for position in positions if position not in self.in_play]
        if newcomers:
            self._cohorts.append(_Cohort(newcomers, MemoryBank(self._settings.read)))
            self._rows = self._rows_in_play()

    def _rows_in_play(self) -> Tensor:
        """Return the positions in play, on the device; made when they change, since to send them makes a GPU wait."""
        return torch.tensor(self.in_play, dtype=torch.long, device=self._engine.device)

    def _memorise(
        self,
        index: int,
        padded: Tensor,
        features: KeyFeatures,
        shares: Tensor,
        *,
        keep: Keep,
        given: Collection[int] = (),
    ) -> None:
        """Remember a frame; for good where the artist gave an object's matte, for the others it is but a guess."""
        probabilities = aggregate(shares)[1:][self._rows]
        values = self._engine.encode_value(padded, features, probabilities)
        values = torch.cat([values, presence(probabilities)], 1)
        start = 0
        for cohort in self._cohorts:
            stop = start + len(cohort.objects)
            has_given = any(position in given for position in cohort.objects)
            cohort.bank.add(features.query_key[0], values[start:stop], keep="always" if has_given else keep)
            start = stop
        if keep != "one_step":
            self._last_memorised = index

    def _is_due(self, index: int) -> bool:
        if self._settings.schedule == "absolute":
            return index % self._settings.interval == 0
        return abs(index - self._last_memorised) >= self._settings.interval


def _padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Return left, right, top, bottom: to multiples of the stride, the odd pixel after."""
    rows, columns = -height % STRIDE, -width % STRIDE
    return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2
