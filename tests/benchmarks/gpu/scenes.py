"""Batches of training samples, composed on a device; `stcn_plugin.training.scenes` does the same for one sample on a CPU.

Legend: ``B`` samples, ``T`` frames, ``K`` objects of a picture, ``S`` side of a crop.
"""

from __future__ import annotations

import torch
from benchmarks.gpu.photometric import augment
from benchmarks.gpu.placements import RandomMotion, compose, placement, sample_crops, translation
from benchmarks.gpu.resident import Resident, Sequences
from torch import Tensor

from stcn_plugin.training.batch import MIN_COVERAGE, SLOTS, Sample
from stcn_plugin.training.config import Mixture

_SURPLUS = 1.2
"""Samples that are drawn for each of a batch; those without a visible object are left out."""
_EXPOSURES = 8
"""Samples of the shutter for motion blur."""
_FLOW = 0.7
"""Fraction of the warped stills that are deformed."""
_COMPOSITE = (0.3, 1.0)
_SECOND = (0.2, 0.7)
"""Range of the longer side of a cut-out, as a fraction of the crop."""


class DeviceScenes:
    """Draws batches.

    Args:
        resident: The images.
        mixture: How samples are composed.
        seed: Random seed.
    """

    def __init__(self, resident: Resident, mixture: Mixture, *, seed: int) -> None:
        self._resident = resident
        self._mixture = mixture
        self._device = resident.pictures.pixels.device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._random = RandomMotion(self._generator)
        is_clip = resident.clips.length > 1
        self._clips, self._stills = resident.clips.only(is_clip), resident.clips.only(~is_clip)

    @torch.no_grad()
    def draw(self, count: int, *, size: int, frame_gap: int) -> Sample:
        """Draw a batch.

        Args:
            count: Number of samples; the batch may be smaller, if many have no visible object.
            size: Side of the crops in pixels.
            frame_gap: Largest distance between consecutive frames, in frames of the clip.
        """
        drawn = max(round(_SURPLUS * count), count + 1)
        mixture = self._mixture
        frames, masks, is_composite = self._base(drawn, size, frame_gap)
        frames, masks, own = self._with_cut_out(frames, masks, is_composite, _COMPOSITE, size, frame_gap)
        is_second = self._chance(drawn, mixture.second_object)
        frames, masks, second = self._with_cut_out(frames, masks, is_second, _SECOND, size, frame_gap)
        own = own * (1 - second)
        is_tracked = is_second & ~self._chance(drawn, mixture.occluders)
        # Samples with a composited object do not track those of the picture.
        first = torch.where(is_composite[:, None, None, None], own, masks[:, :, 0])
        slots = torch.stack([first, masks[:, :, 1], second * is_tracked[:, None, None, None]], 2)
        slots[is_composite, :, 1] = 0
        return self._finished(frames, slots, count)

    def _finished(self, frames: Tensor, slots: Tensor, count: int) -> Sample:
        """Keep the samples with visible objects, move empty slots to the end, and augment the frames."""
        present = slots[:, 0].mean((2, 3)) >= MIN_COVERAGE
        chosen = present.any(1).nonzero()[:count, 0]
        counted, order = present[chosen].int().sort(dim=1, descending=True, stable=True)
        present = counted.bool()
        masks = slots[chosen].take_along_dim(order[:, None, :, None, None], 2) * present[:, None, :, None, None]
        frames = augment(frames[chosen], self._generator, blur=self._mixture.blur, noise=self._mixture.noise)
        return Sample(frames, masks.clamp(0, 1), present)

    def _base(self, count: int, size: int, frame_gap: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames ``(B, T, 3, S, S)``, masks ``(B, T, SLOTS - 1, S, S)``, and which samples ignore these masks."""
        mixture, length = self._mixture, self._mixture.frames
        from_clip = self._chance(count, mixture.clips if len(self._clips) else 0.0)
        is_composite = ~from_clip & self._chance(count, mixture.composites)
        moves = from_clip | (is_composite & self._chance(count, mixture.moving_cut_outs if len(self._clips) else 0.0))
        stills = self._still_pictures(count)[:, None].expand(-1, length)
        indices = torch.where(moves[:, None], self._drawn_frames(self._clips, count, frame_gap), stills)
        strength = torch.where(is_composite, 0.6, 1.0)
        strength = torch.where(moves, 0.3 * self._chance(count, mixture.clip_jitter), strength)[:, None].repeat(
            1, length
        )
        strength[:, 0] *= moves  # the first frame of a still is not warped
        matrices = compose(self._random.jitter(size, strength), self._crops(indices[:, 0], size)[:, None])
        deformed = strength * ~moves[:, None] * (self._random.uniform(count, length) < _FLOW)
        flow = self._random.flow(size, 0.025 * deformed.flatten(), resolution=size)
        pixels, sizes = self._resident.pictures.at(indices.flatten())
        crops = sample_crops(pixels, sizes, matrices.flatten(0, 1), size=size, displacement=flow, is_reflected=True)
        crops = _by_sample(crops, count) / 255
        masks = crops.new_zeros(count, length, SLOTS - 1, size, size)
        masks[:, :, : crops.shape[2] - 3] = crops[:, :, 3 : 2 + SLOTS]
        return crops[:, :, :3], masks, is_composite

    def _crops(self, pictures: Tensor, size: int) -> Tensor:
        """Return crops of random scale ``(B, 2, 3)`` that contain a position inside the first object of each picture."""
        count = len(pictures)
        extent = self._resident.pictures.sizes[pictures].flip(1).float()
        side = extent.amin(1, keepdim=True) * self._random.uniform(
            count, 1, low=self._mixture.crop_scale[0], high=self._mixture.crop_scale[1]
        )
        points = self._resident.points[pictures]
        which = torch.randint(points.shape[1], (count,), generator=self._generator, device=self._device)
        target = points[torch.arange(count, device=self._device), which]
        slack = (extent - side).clamp_min(0)
        corner = self._random.uniform(count, 2) * slack
        corner = corner.maximum(torch.minimum(target - 0.9 * side, slack)).minimum((target - 0.1 * side).clamp_min(0))
        return placement(
            corner + side / 2,
            size=size,
            scale=side[:, 0] / size,
            degrees=side.new_zeros(count),
            shear=side.new_zeros(count),
            mirrored=self._chance(count, 0.5),
        )

    def _still_pictures(self, count: int) -> Tensor:
        """Return pictures, of stills or single frames of clips."""
        from_clips = self._chance(count, self._mixture.frames_as_stills if len(self._clips) else 0.0)
        if not len(self._stills):
            return self._drawn_frames(self._clips, count, 1)[:, 0]
        return torch.where(
            from_clips,
            self._drawn_frames(self._clips, count, 1)[:, 0],
            self._drawn_frames(self._stills, count, 1)[:, 0],
        )

    def _drawn_frames(self, sequences: Sequences, count: int, frame_gap: int) -> Tensor:
        """Draw sequences, and frames of each in order or reversed; the first one for all frames if it is too short.

        Returns:
            ``(B, T)`` image indices; 0 without sequences.
        """
        length = self._mixture.frames
        if not len(sequences):
            return torch.zeros((count, length), dtype=torch.long, device=self._device)
        chosen = torch.multinomial(sequences.weight, count, replacement=True, generator=self._generator)
        available = sequences.length[chosen]
        largest = ((available - 1) // (length - 1)).clamp(max=frame_gap)
        steps = 1 + (self._random.uniform(count, length - 1) * largest[:, None]).long().clamp_max(
            (largest[:, None] - 1).clamp_min(0)
        )
        steps = steps * (largest > 0)[:, None]
        room = available - steps.sum(1)
        start = (self._random.uniform(count) * room).long().minimum(room - 1)
        offsets = torch.cat([torch.zeros_like(start)[:, None], steps.cumsum(1)], 1) + start[:, None]
        offsets = torch.where(self._chance(count, 0.5)[:, None], offsets.flip(1), offsets)
        return sequences.first[chosen][:, None] + offsets

    def _with_cut_out(
        self,
        frames: Tensor,
        masks: Tensor,
        applies: Tensor,
        length_range: tuple[float, float],
        size: int,
        frame_gap: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Composite a moving cut-out over some samples.

        Returns:
            The frames, their masks held out by the cut-out, and its mask ``(B, T, S, S)``.
        """
        rgba = self._moving_cut_outs(len(frames), length_range, size, frame_gap) * applies[:, None, None, None, None]
        alpha = rgba[:, :, 3:]
        return rgba[:, :, :3] + frames * (1 - alpha), masks * (1 - alpha), alpha[:, :, 0]

    def _moving_cut_outs(self, count: int, length_range: tuple[float, float], size: int, frame_gap: int) -> Tensor:
        """Return premultiplied RGBA ``(B, T, 4, S, S)`` of cut-outs on random paths, with motion blur."""
        length, random = self._mixture.frames, self._random
        indices, is_element = self._cut_out_frames(count, frame_gap)
        pixels, sizes = self._resident.cut_outs.at(indices.flatten())
        pixels = self._textured(_by_sample(pixels, count).float() / 255, is_element).flatten(0, 1)
        extent = _by_sample(sizes, count)[:, 0].flip(1).float()
        longer = extent.amax(1) / (random.uniform(count, low=length_range[0], high=length_range[1]) * size)
        base = placement(
            extent / 2,
            size=size,
            scale=longer,
            degrees=random.uniform(count, low=-20, high=20),
            shear=extent.new_zeros(count),
            mirrored=self._chance(count, 0.5),
        )
        centre = random.uniform(count, 1, 2, low=0.1, high=0.9) * size
        velocity = random.uniform(count, 1, 2, low=-0.15, high=0.15) * size
        jitter = random.jitter(size, extent.new_full((count, length), 0.5))
        strength = 0.02 * (random.uniform(count * length) < 0.5)
        flow = random.flow(size, strength, resolution=2 * size)
        shutter = random.uniform(count, 1, low=0.2, high=1.0) * self._chance(count, self._mixture.motion_blur)[:, None]
        numbers = torch.arange(length, device=self._device)
        total = torch.zeros((count * length, 4, size, size), device=self._device)
        for exposure in range(_EXPOSURES):
            times = numbers + shutter * ((exposure + 0.5) / _EXPOSURES - 0.5)
            path = translation(size / 2 - (centre + velocity * times[..., None]))
            matrices = compose(jitter, compose(path, base[:, None]))
            total += sample_crops(
                pixels,
                sizes,
                matrices.flatten(0, 1),
                size=size,
                displacement=flow,
                is_reflected=False,
                supersampling=2,
            )
        return _by_sample(total / _EXPOSURES, count)

    def _cut_out_frames(self, count: int, frame_gap: int) -> tuple[Tensor, Tensor]:
        """Draw cut-outs: puppets, elements or objects of pictures; return image indices, and which are elements."""
        resident, mixture = self._resident, self._mixture
        is_puppet = self._chance(count, mixture.puppets if len(resident.puppets) else 0.0)
        has_objects = len(resident.objects) > 0
        chance = mixture.elements if has_objects else 1.0
        is_element = ~is_puppet & self._chance(count, chance if len(resident.elements) else 0.0)
        puppets, elements, objects = (
            self._drawn_frames(each, count, frame_gap)
            for each in (resident.puppets, resident.elements, resident.objects)
        )
        indices = torch.where(is_puppet[:, None], puppets, torch.where(is_element[:, None], elements, objects))
        return indices, is_element

    def _textured(self, rgba: Tensor, is_element: Tensor) -> Tensor:
        """Give elements ``(B, T, 4, h, w)`` the texture of a picture, in part or completely, or none."""
        count = len(rgba)
        side = max(rgba.shape[-2:])
        pictures = self._still_pictures(count)
        pixels, sizes = self._resident.pictures.at(pictures)
        matrices = placement(
            self._random.uniform(count, 2) * sizes.flip(1),
            size=side,
            scale=torch.exp(self._random.uniform(count, low=-0.7, high=0.7)),
            degrees=self._random.uniform(count, low=0, high=360),
            shear=sizes.new_zeros(count, dtype=torch.float32),
            mirrored=torch.zeros_like(is_element),
        )
        patch = sample_crops(pixels[:, :3], sizes, matrices, size=side, is_reflected=True) / 255
        patch = patch[:, None, :, : rgba.shape[-2], : rgba.shape[-1]]
        amount = (self._random.uniform(count) * 3).long().clamp_max(2) / 2 * is_element
        colour = torch.lerp(rgba[:, :, :3], patch * rgba[:, :, 3:], amount[:, None, None, None, None])
        return torch.cat([colour, rgba[:, :, 3:]], 2)

    def _chance(self, count: int, probability: float) -> Tensor:
        """Return ``(B,)``, true with a probability."""
        return self._random.uniform(count) < probability


def _by_sample(tensor: Tensor, count: int) -> Tensor:
    """Reshape ``(B T, ...)`` to ``(B, T, ...)``."""
    return tensor.reshape(count, -1, *tensor.shape[1:])
