"""Streaming propagation: images in, probabilities of the objects out.

A propagator processes frames in the order of the calls: for a backward pass, pass the frames in descending order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.choices import BUDGET_MB, INTERNAL_SIZE, INTERVAL, MAX_FRAMES, TOP_K
from stcn_plugin.memory.bank import BankState, MemoryBank, ReadSettings, Retention
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import KeyFeatures
from stcn_plugin.network.variants import STRIDE
from stcn_plugin.propagation.aggregation import aggregate
from stcn_plugin.propagation.images import Array, check_range, image_tensor, internal_size, mask_tensors, reduce
from stcn_plugin.propagation.prediction import Prediction
from stcn_plugin.propagation.region import bounding_box, crop_context, crop_features, find_region, presence
from stcn_plugin.threads import one_thread

_GPU_BUDGET_BYTES = 256 << 20
"""Minimum memory budget on a GPU, which many small tiles would leave idle."""


@dataclass(frozen=True)
class PropagationSettings:
    """Internal size, when frames are memorised, and how the memory is read.

    Args:
        size: Internal size: the short side of the image that the network sees, in pixels. Smaller images are not
            enlarged; ``None`` uses every image as it is.
        interval: Frames between memory frames; a frame with masks is one.
        include_last: Also keep the previous frame in memory.
        region: Decode only the region where each object may be, instead of the whole frame. ``None`` does so on a CPU.
        top_k: Memory elements that each pixel reads; ``None`` reads all.
        max_frames: Memory beyond the frames with masks, in frames; ``None`` sets no limit.
        budget_bytes: Working memory of one step of the memory read; at least 256 MB on a GPU.

    Raises:
        ValueError: A number is below 1.
    """

    size: int | None = INTERNAL_SIZE
    interval: int = INTERVAL
    include_last: bool = False
    region: bool | None = None
    top_k: int | None = TOP_K
    max_frames: int | None = MAX_FRAMES
    budget_bytes: int = BUDGET_MB << 20

    def __post_init__(self) -> None:
        for name in ("size", "interval", "top_k", "max_frames", "budget_bytes"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def read_settings(self, device: torch.device) -> ReadSettings:
        """Return the settings of the memory on a device."""
        budget = max(self.budget_bytes, _GPU_BUDGET_BYTES) if device.type == "cuda" else self.budget_bytes
        return ReadSettings(self.top_k, self.max_frames, budget)


@dataclass(frozen=True, eq=False)
class PropagatorState:
    """A copy of everything that a propagator remembers, on the CPU.

    Args:
        objects: Names of all objects so far, in order.
        since_memory: Frames since the last memory frame.
        cohorts: Indices of the objects that entered together, with their memory.
    """

    objects: tuple[str, ...]
    since_memory: int
    cohorts: tuple[tuple[tuple[int, ...], BankState], ...]


@dataclass
class _Cohort:
    """Objects that entered on the same frame, and so share memory frames and affinity."""

    objects: list[int]
    bank: MemoryBank


class Propagator:
    """Propagates the masks of objects from image to image.

    Memory use does not depend on the number of images: it holds the frames with masks plus ``max_frames``.

    Args:
        engine: The network, from `load_engine`. Everything runs on its device.
        objects: Names of objects that predictions contain from the start, in this order. Other objects are added when
            their first mask is given.
        settings: Internal size and memory.
        on_stage: Called between the stages of a step, each of which can take minutes for a large image. An exception
            that it raises ends the step.

    Example::

        propagator = Propagator(load_engine("starter"))
        propagator.step(images[0], {"hero": mask})
        mattes = [propagator.step(image)["hero"] for image in images[1:]]
    """

    def __init__(
        self,
        engine: Engine,
        *,
        objects: Sequence[str] = (),
        settings: PropagationSettings = PropagationSettings(),
        on_stage: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._on_stage = on_stage
        self._position = {name: position for position, name in enumerate(objects)}
        self._settings = settings
        # Finding the region waits for the device; a GPU has decoded the whole frame by then.
        self._uses_regions = engine.device.type == "cpu" if settings.region is None else settings.region
        self._read = settings.read_settings(engine.device)
        self._cohorts: list[_Cohort] = []
        self._rows = self._rows_in_play()
        self._since_memory = 0

    @property
    def in_play(self) -> tuple[int, ...]:
        """Indices of the objects being propagated, in the order of their memory."""
        return tuple(position for cohort in self._cohorts for position in cohort.objects)

    @torch.inference_mode()
    def step(
        self,
        image: Array,
        masks: Mapping[str, Array] | None = None,
        *,
        memorise: bool = True,
        others: Tensor | None = None,
    ) -> Prediction:
        """Process the next image.

        Args:
            image: Display-referred RGB such as sRGB: a ``(3, H, W)`` tensor or an ``(H, W, 3)`` array, of any size;
                uint8, or floating point in 0-1.
            masks: Object names to ``(H, W)`` masks, boolean or floating point in 0-1. New objects enter; objects
                already in play start afresh: what their memory held is dropped. The frame stays in memory.
            memorise: Whether this frame may be memorised. The last frame need not be.
            others: ``(K, H, W)`` probabilities in 0-1 of objects that are propagated elsewhere, so that they are not
                memorised as background.

        Returns:
            Object names to probabilities: every object so far, none before the first masks.

        Raises:
            ValueError: Another shape or number format, or, on frames with masks, values outside 0-1.
        """
        rgb = image_tensor(image, self._engine.device)
        size = (rgb.shape[1], rgb.shape[2])
        given = mask_tensors(masks or {}, size, self._engine.device)
        if given:
            check_range(rgb, "the image")
        self._since_memory += 1
        for name in given:
            self._position.setdefault(name, len(self._position))
        inner, padding, padded = self._padded(rgb)
        features = self._engine.encode_key(padded)
        self._on_stage()
        own = self._predict(features, padded.shape[-2:])
        shares = own
        around = None if others is None else functional.pad(reduce(others, inner), padding)
        if given:
            positions = [self._position[name] for name in given]
            artist = functional.pad(reduce(torch.stack(list(given.values())), inner), padding)
            # Pixels that the artist gave to one object do not belong to any other.
            free = 1 - artist.sum(0).clamp(max=1)
            own, shares = own * free, aggregate(own)[1:] * free
            # One by one: indexing with a list would copy it to the device.
            for position, mask in zip(positions, artist, strict=True):
                own[position], shares[position] = mask, mask
            self._start(positions)
            if memorise:
                self._memorise(padded, features, shares, around, retention="evictable", given=positions)
        elif memorise and self.in_play:
            is_due = self._since_memory >= self._settings.interval
            if is_due or self._settings.include_last:
                retention: Retention = "evictable" if is_due else "one_step"
                self._memorise(padded, features, shares, around, retention=retention)
        inside = _inside(inner, padding)
        return Prediction(tuple(self._position), size, own[inside], shares[inside])

    @torch.inference_mode()
    def predict(self, image: Array) -> Prediction:
        """Predict an image from what is in memory, and change nothing.

        For the image of a frame with masks, the result shows how precisely the network reproduces them.

        Args:
            image: As for `step`.

        Raises:
            ValueError: Another shape or number format.
        """
        rgb = image_tensor(image, self._engine.device)
        inner, padding, padded = self._padded(rgb)
        own = self._predict(self._engine.encode_key(padded), padded.shape[-2:])[_inside(inner, padding)]
        return Prediction(tuple(self._position), (rgb.shape[1], rgb.shape[2]), own, own)

    def state(self) -> PropagatorState:
        """Return a copy of the memory, so that `restore` can go on after this frame."""
        cohorts = tuple((tuple(cohort.objects), cohort.bank.state()) for cohort in self._cohorts)
        return PropagatorState(tuple(self._position), self._since_memory, cohorts)

    def copy(self) -> Propagator:
        """Return a propagator with the same memory, which goes on independently."""
        other = Propagator(self._engine, settings=self._settings, on_stage=self._on_stage)
        other.restore(self.state())
        return other

    def restore(self, state: PropagatorState) -> None:
        """Go on where another propagator with the same network and settings was, with the same results.

        Args:
            state: From `state`.
        """
        self._position = {name: position for position, name in enumerate(state.objects)}
        self._since_memory = state.since_memory
        device = self._engine.device
        self._cohorts = [
            _Cohort(list(objects), MemoryBank.restored(bank, self._read, device)) for objects, bank in state.cohorts
        ]
        self._rows = self._rows_in_play()

    def retire(self, names: Iterable[str]) -> None:
        """Stop propagating objects and drop their memory; a new mask makes an object enter again.

        Args:
            names: Objects; those not in play are ignored.

        Raises:
            KeyError: An object was never named.
        """
        leaving = {self._position[name] for name in names}.intersection(self.in_play)
        if not leaving:
            return
        self._leave(leaving)
        self._rows = self._rows_in_play()

    def _padded(self, rgb: Tensor) -> tuple[tuple[int, int], tuple[int, int, int, int], Tensor]:
        """Return the internal size, the padding, and the image for the network with both, ``(1, 3, h, w)``."""
        size = "native" if self._settings.size is None else str(self._settings.size)
        inner = internal_size((rgb.shape[1], rgb.shape[2]), size=size)
        padding = _padding(*inner)
        return inner, padding, functional.pad(self._engine.normalise(reduce(rgb, inner)), padding)[None]

    def _predict(self, features: KeyFeatures, size: torch.Size) -> Tensor:
        """Return the independent probability of every object, ``(O, H, W)``."""
        own = features.query_key.new_zeros((len(self._position), *size))
        if not self._cohorts:
            return own
        query_key = features.query_key[0]
        read = torch.cat([cohort.bank.read(query_key, on_tile=self._on_stage) for cohort in self._cohorts])
        readout, present = read[:, :-1], read[:, -1]
        self._on_stage()
        if not self._uses_regions:
            own[self._rows] = _probabilities(self._engine.decode(readout, self._engine.decoder_context(features)))
            return own
        regions = [find_region(each) for each in present.cpu().numpy()]
        if not any(regions):
            return own
        outer = bounding_box(chain.from_iterable(regions))
        shared = self._engine.decoder_context(crop_features(features, outer))
        for row, (position, region) in enumerate(zip(self.in_play, regions, strict=True)):
            for box in region:
                (rows, columns), (lines, pixels) = box.slices(), box.slices(STRIDE)
                context = crop_context(shared, box.within(outer))
                logits = self._engine.decode(readout[row, None, :, rows, columns], context)
                # Where boxes overlap, use the maximum: a pixel near the edge of one box may be well inside another.
                torch.maximum(target := own[position, lines, pixels], _probabilities(logits[0]), out=target)
            self._on_stage()
        return own

    def _start(self, positions: Sequence[int]) -> None:
        """Let objects enter with an empty memory, also those that are in play."""
        self._leave(positions)
        self._cohorts.append(_Cohort(list(positions), MemoryBank(self._read)))
        self._rows = self._rows_in_play()

    def _leave(self, positions: Iterable[int]) -> None:
        for cohort in self._cohorts:
            for position in set(cohort.objects).intersection(positions):
                cohort.bank.drop_object(cohort.objects.index(position))
                cohort.objects.remove(position)
        self._cohorts = [cohort for cohort in self._cohorts if cohort.objects]

    def _rows_in_play(self) -> Tensor:
        """Return the indices in play as a tensor; made only when they change, because copying makes a GPU wait."""
        return torch.tensor(self.in_play, dtype=torch.long, device=self._engine.device)

    def _memorise(
        self,
        padded: Tensor,
        features: KeyFeatures,
        shares: Tensor,
        others: Tensor | None,
        *,
        retention: Retention,
        given: Collection[int] = (),
    ) -> None:
        """Memorise a frame; permanently for cohorts with an object whose mask the artist gave, as others are only predicted."""
        everything = shares if others is None else torch.cat([shares, others])
        aggregated = aggregate(everything)[1:]
        probabilities = aggregated[self._rows]
        # With others, all shares but the background's; the objects that are not in play are 0.
        total = None if others is None else aggregated.sum(0, keepdim=True)
        values = self._engine.encode_value(padded, features, probabilities, total=total)
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
            self._since_memory = 0


def _probabilities(logits: Tensor) -> Tensor:
    """Return the probabilities of logits, the same for any number of threads."""
    with one_thread(logits.device):
        return logits.sigmoid()


def _padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Return the padding to multiples of the stride: left, right, top, bottom; odd padding is larger at the end."""
    rows, columns = -height % STRIDE, -width % STRIDE
    return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2


def _inside(inner: tuple[int, int], padding: tuple[int, int, int, int]) -> tuple[EllipsisType, slice, slice]:
    """Return the index of what is not padding."""
    top, left = padding[2], padding[0]
    return ..., slice(top, top + inner[0]), slice(left, left + inner[1])
