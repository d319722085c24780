"""Streaming propagation: frames in, probabilities out.

A propagator does not know about directions: a backward pass gives it the frames in descending order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.memory.bank import MemoryBank, ReadSettings, Retention
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import KeyFeatures
from stcn_plugin.network.variants import STRIDE
from stcn_plugin.propagation.aggregation import aggregate
from stcn_plugin.propagation.region import bounding_box, crop_context, crop_features, find_region, presence

Schedule = Literal["absolute", "relative"]


@dataclass(frozen=True)
class PropagationSettings:
    """When frames are memorised and how memory is read.

    Args:
        interval: Frames between memory frames.
        schedule: ``absolute`` memorises frames whose index is a multiple of the interval, ``relative`` when ``interval``
            frames have passed since the last memory frame.
        include_last: Also remember the previous frame for one step.
        region: Decode only the region where each object may be, instead of the whole frame.
        read: Top-k, limit and budget of the memory.
    """

    interval: int = 5
    schedule: Schedule = "absolute"
    include_last: bool = False
    region: bool = True
    read: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class Prediction:
    """The result of one step.

    Args:
        own: ``(O, H, W)`` probability of each object by itself, in the order of the propagator's objects; the artist's
            mask for objects given on this frame, 0 for objects not in play.
        shares: ``(O, H, W)`` the probabilities that would be memorised, before soft aggregation.
    """

    own: Tensor
    shares: Tensor

    @property
    def aggregated(self) -> Tensor:
        """``(O + 1, H, W)``, background first, after soft aggregation."""
        return aggregate(self.shares)


@dataclass
class _Cohort:
    """Objects that entered on the same frame, and so share memory frames and affinity."""

    objects: list[int]
    bank: MemoryBank


class Propagator:
    """Propagates objects from frame to frame.

    Args:
        engine: The network; everything runs on its device.
        objects: Names of all objects of the pass; predictions have their order.
        settings: Schedule and memory.
        on_stage: Called between the stages of a step, each of which may take minutes; an error that it raises ends the step.

    Example::

        propagator = Propagator(engine, objects=["hero"], settings=PropagationSettings())
        propagator.step(0, first_image, keyframe={"hero": mask})
        matte = propagator.step(1, second_image).own[0]
    """

    def __init__(
        self,
        engine: Engine,
        *,
        objects: Sequence[str],
        settings: PropagationSettings,
        on_stage: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._on_stage = on_stage
        self._position = {name: position for position, name in enumerate(objects)}
        self._settings = settings
        self._cohorts: list[_Cohort] = []
        self._rows = self._rows_in_play()
        self._last_memorised = 0

    @property
    def in_play(self) -> tuple[int, ...]:
        """Indices of the objects being propagated, in the order of their memory."""
        return tuple(position for cohort in self._cohorts for position in cohort.objects)

    @torch.inference_mode()
    def step(
        self, index: int, image: Tensor, *, keyframe: Mapping[str, Tensor] | None = None, memorise: bool = True
    ) -> Prediction:
        """Process one frame.

        Args:
            index: Zero-based index of the frame in the shot.
            image: ``(3, H, W)`` display-referred RGB in 0-1, on the engine's device; any size.
            keyframe: ``(H, W)`` masks in 0-1 of the objects given on this frame. Objects not yet in play enter; those
                already in play are corrected, and the correction is memorised.
            memorise: Whether this frame may be memorised; the last frame of a pass need not be.
        """
        height, width = image.shape[-2:]
        padding = _padding(height, width)
        padded = functional.pad(self._engine.normalise(image), padding)[None]
        features = self._engine.encode_key(padded)
        self._on_stage()
        own = self._predict(features, padded.shape[-2:])
        shares = own
        if keyframe:
            positions = [self._position[name] for name in keyframe]
            masks = functional.pad(torch.stack(list(keyframe.values())).to(own), padding)
            # Pixels that the artist gave to an object belong to no other.
            free = 1 - masks.sum(0).clamp(max=1)
            own, shares = own * free, aggregate(own)[1:] * free
            # One by one: a list of indices would be copied to the device.
            for position, mask in zip(positions, masks, strict=True):
                own[position], shares[position] = mask, mask
            self._enter(positions)
            if memorise:
                self._memorise(index, padded, features, shares, retention="evictable", given=positions)
        elif memorise and self.in_play:
            is_due = self._is_due(index)
            if is_due or self._settings.include_last:
                retention: Retention = "evictable" if is_due else "one_step"
                self._memorise(index, padded, features, shares, retention=retention)
        top, left = padding[2], padding[0]
        inside = (..., slice(top, top + height), slice(left, left + width))
        return Prediction(own[inside], shares[inside])

    def retire(self, names: Iterable[str]) -> None:
        """Stop propagating objects for the rest of the pass, and drop their memory."""
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
        """Predict the probability of every object by itself, ``(O, H, W)``."""
        own = features.query_key.new_zeros((len(self._position), *size))
        if not self._cohorts:
            return own
        query_key = features.query_key[0]
        read = torch.cat([cohort.bank.read(query_key, on_tile=self._on_stage) for cohort in self._cohorts])
        readout, present = read[:, :-1], read[:, -1]
        self._on_stage()
        if not self._settings.region:
            own[self._rows] = self._engine.decode(readout, self._engine.share(features)).sigmoid()
            return own
        regions = [find_region(each) for each in present.cpu().numpy()]
        if not any(regions):
            return own
        outer = bounding_box(chain.from_iterable(regions))
        shared = self._engine.share(crop_features(features, outer))
        for row, (position, region) in enumerate(zip(self.in_play, regions, strict=True)):
            for box in region:
                (rows, columns), (lines, pixels) = box.slices(), box.slices(STRIDE)
                context = crop_context(shared, box.within(outer))
                logits = self._engine.decode(readout[row, None, :, rows, columns], context)
                # Where boxes overlap, a pixel near the edge of one box may be well inside another, which sees more context.
                torch.maximum(there := own[position, lines, pixels], logits[0].sigmoid(), out=there)
            self._on_stage()
        return own

    def _enter(self, positions: Iterable[int]) -> None:
        newcomers = [position for position in positions if position not in self.in_play]
        if newcomers:
            self._cohorts.append(_Cohort(newcomers, MemoryBank(self._settings.read)))
            self._rows = self._rows_in_play()

    def _rows_in_play(self) -> Tensor:
        """Return the indices in play on the device; made only when they change, since the copy makes a GPU wait."""
        return torch.tensor(self.in_play, dtype=torch.long, device=self._engine.device)

    def _memorise(
        self,
        index: int,
        padded: Tensor,
        features: KeyFeatures,
        shares: Tensor,
        *,
        retention: Retention,
        given: Collection[int] = (),
    ) -> None:
        """Memorise a frame: permanently for cohorts with an object given by the artist; the others are only predicted."""
        probabilities = aggregate(shares)[1:][self._rows]
        values = self._engine.encode_value(padded, features, probabilities)
        values = torch.cat([values, presence(probabilities)], 1)
        self._on_stage()
        start = 0
        for cohort in self._cohorts:
            stop = start + len(cohort.objects)
            has_given = any(position in given for position in cohort.objects)
            cohort.bank.add(
                features.query_key[0], values[start:stop], retention="permanent" if has_given else retention
            )
            start = stop
        if retention != "one_step":
            self._last_memorised = index

    def _is_due(self, index: int) -> bool:
        if self._settings.schedule == "absolute":
            return index % self._settings.interval == 0
        return abs(index - self._last_memorised) >= self._settings.interval


def _padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Return the padding to multiples of the stride: left, right, top, bottom; the odd pixel goes after."""
    rows, columns = -height % STRIDE, -width % STRIDE
    return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2
