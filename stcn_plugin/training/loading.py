"""Samples in batches, prepared by processes of their own while the network computes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

from stcn_plugin.training.config import Data, TrainingConfig
from stcn_plugin.training.pictures import PictureReader, find_clips, find_stills
from stcn_plugin.training.samples import Sample, SampleMaker, Sources
from stcn_plugin.training.schedule import staged


def find_sources(data: Data) -> Sources:
    """Return the pictures that a configuration names.

    Raises:
        TrainingError: A folder has none.
    """
    clips = [clip for source in data.clips for clip in find_clips(Path(source.folder), leave_out=source.leave_out)]
    stills = [still for source in data.stills for still in find_stills(Path(source.folder))]
    return Sources(clips, stills)


class _Samples(Dataset[Sample]):
    """The samples of a run by their number.

    Args:
        config: The run.
        sources: Its pictures.
    """

    def __init__(self, config: TrainingConfig, sources: Sources) -> None:
        self._config = config
        self._sources = sources
        self._maker: SampleMaker | None = None  # made where it is used: what it remembers does not travel

    def __getitem__(self, number: int) -> Sample:
        config = self._config
        if self._maker is None:
            reader = PictureReader(lines=config.data.lines, colour_space=config.data.colour_space)
            self._maker = SampleMaker(self._sources, reader, mixture=config.mixture, seed=config.seed)
        steps = config.steps
        step = number // steps.batch
        return self._maker.make(
            number, size=staged(steps.crop, step, steps.total), gap=staged(steps.gap, step, steps.total)
        )


def batches(config: TrainingConfig, sources: Sources, *, first_step: int, rank: int, world: int) -> Iterator[Sample]:
    """Yield the batches of one process from a step to the end of the run.

    Args:
        config: The run.
        sources: Its pictures.
        first_step: Step of the first batch.
        rank: Number of this process among all.
        world: How many processes share a step's samples.
    """
    mine = config.steps.batch // world
    numbers = [
        step * config.steps.batch + rank * mine + i
        for step in range(first_step, config.steps.total)
        for i in range(mine)
    ]
    workers = config.compute.workers
    loader = DataLoader(
        _Samples(config, sources),
        batch_size=mine,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_joined,
        pin_memory=torch.cuda.is_available(),
        # A fork of a process whose threads have worked already may hang.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_settle if workers else None,
        prefetch_factor=4 if workers else None,
    )
    yield from loader


def _settle(_worker: int) -> None:
    torch.set_num_threads(1)


def _joined(samples: list[Sample]) -> Sample:
    return Sample(
        *(torch.stack(parts) for parts in zip(*((s.frames, s.masks, s.present) for s in samples), strict=True))
    )
