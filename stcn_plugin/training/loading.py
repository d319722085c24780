"""Data loading: batches of samples, prepared by worker processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from stcn_plugin.bridge.signals import STOP_SIGNALS
from stcn_plugin.errors import STCNError, TrainingError
from stcn_plugin.training.batch import Sample
from stcn_plugin.training.config import Data, TrainingConfig
from stcn_plugin.training.elements import find_elements
from stcn_plugin.training.optimisation import stage_value
from stcn_plugin.training.pictures import PictureReader, find_clips, find_stills
from stcn_plugin.training.samples import SampleMaker
from stcn_plugin.training.scenes import Sources


def find_sources(data: Data) -> Sources:
    """Find the training images of a configuration.

    Raises:
        TrainingError: A folder contains none.
    """
    clips = [
        replace(clip, weight=source.weight)
        for source in data.clips
        for clip in find_clips(Path(source.folder), exclude=source.exclude)
    ]
    stills = [
        replace(still, weight=source.weight)
        for source in data.stills
        for still in find_stills(Path(source.folder), exclude=source.exclude)
    ]
    elements = [element for source in data.elements for element in find_elements(Path(source.folder))]
    return Sources(clips, stills, elements)


@contextmanager
def batches(
    config: TrainingConfig, sources: Sources, *, first_step: int, rank: int, world_size: int
) -> Iterator[Iterator[Sample]]:
    """Load the batches of one process, from a step to the end of the run. Leaving the context stops the workers.

    Args:
        config: The configuration.
        sources: The training images.
        first_step: Step of the first batch.
        rank: Rank of this process.
        world_size: Number of processes that share the samples of a step.

    Yields:
        An iterator over the batches. It raises `STCNError` if an image of a batch cannot be read.

    Raises:
        TrainingError: A worker process died. PyTorch raises this at any point of the context's body.
    """
    workers = config.compute.workers
    numbers = _SampleNumbers(config.steps.batch_size, first_step, config.steps.total, rank, world_size)
    loader: DataLoader[Sample | STCNError] = DataLoader(
        _SampleDataset(config, sources),
        batch_size=numbers.per_step,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=torch.cuda.is_available(),
        # A forked child may hang if threads are running in the parent.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_init_worker if workers else None,
        prefetch_factor=4 if workers else None,
    )
    with _blocked_signals():
        iterator = iter(loader)
    try:
        yield map(_raise_error, iterator)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            "a data loader process died", fix="If memory ran out, lower compute.workers or data.short_side"
        ) from error
    finally:
        if workers:
            # A caller that keeps the error would keep the workers alive, and Python waits for them at exit.
            iterator._shutdown_workers()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _SampleNumbers(Sampler[int]):
    """The sample numbers of one process. Every number belongs to exactly one process."""

    batch_size: int
    first_step: int
    steps: int
    rank: int
    world_size: int

    @property
    def per_step(self) -> int:
        """Samples of this process per step."""
        return self.batch_size // self.world_size

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.per_step

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.steps):
            start = step * self.batch_size + self.rank * self.per_step
            yield from range(start, start + self.per_step)


class _SampleDataset(Dataset[Sample | STCNError]):
    """The samples of a run by number. Errors are returned, because DataLoader rewrites the exceptions of its workers.

    Args:
        config: The configuration.
        sources: The training images.
    """

    def __init__(self, config: TrainingConfig, sources: Sources) -> None:
        self._config = config
        self._sources = sources
        self._maker: SampleMaker | None = None  # created in the worker; its caches cannot be pickled

    def __getitem__(self, number: int) -> Sample | STCNError:
        try:
            return self._make(number)
        except STCNError as error:
            return error

    def _make(self, number: int) -> Sample:
        config, steps = self._config, self._config.steps
        if self._maker is None:
            reader = PictureReader(short_side=config.data.short_side, colour_space=config.data.colour_space)
            self._maker = SampleMaker(self._sources, reader, mixture=config.mixture, seed=config.seed)
        step = number // steps.batch_size
        size = stage_value(steps.crop_size, step, steps.total)
        return self._maker.make(number, size=size, frame_gap=stage_value(steps.frame_gap, step, steps.total))


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Block Ctrl-C and termination signals while workers start; the workers inherit the signal mask.

    Pending signals are delivered at the end of the context. Workers ignore them from `_init_worker` on.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # The tracker unblocks SIGINT and SIGTERM when it starts; it ignores both, but not SIGHUP.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _init_worker(_worker: int) -> None:
    """Use one thread, and leave signals to the main process."""
    torch.set_num_threads(1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise_error(batch: Sample | STCNError) -> Sample:
    if isinstance(batch, STCNError):
        raise batch
    return batch


def _collate(samples: list[Sample | STCNError]) -> Sample | STCNError:
    """Stack samples, or return the first error among them."""
    valid: list[Sample] = []
    for sample in samples:
        if isinstance(sample, STCNError):
            return sample
        valid.append(sample)
    return Sample(*(torch.stack(parts) for parts in zip(*(vars(sample).values() for sample in valid), strict=True)))
