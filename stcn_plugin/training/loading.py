"""Samples in batches, prepared by processes of their own while the network computes."""

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
from stcn_plugin.training.config import Data, TrainingConfig
from stcn_plugin.training.elements import find_elements
from stcn_plugin.training.pictures import PictureReader, find_clips, find_stills
from stcn_plugin.training.samples import Sample, SampleMaker
from stcn_plugin.training.scenes import Sources
from stcn_plugin.training.schedule import staged


def find_sources(data: Data) -> Sources:
    """Return the pictures that a configuration names.

    Raises:
        TrainingError: A folder has none.
    """
    clips = [
        replace(clip, weight=source.weight)
        for source in data.clips
        for clip in find_clips(Path(source.folder), leave_out=source.leave_out)
    ]
    stills = [
        replace(still, weight=source.weight)
        for source in data.stills
        for still in find_stills(Path(source.folder), leave_out=source.leave_out)
    ]
    elements = [element for source in data.elements for element in find_elements(Path(source.folder))]
    return Sources(clips, stills, elements)


@contextmanager
def batches(
    config: TrainingConfig, sources: Sources, *, first_step: int, rank: int, world: int
) -> Iterator[Iterator[Sample]]:
    """Prepare the batches of one process, from a step to the end of the run, for as long as the context lasts.

    Args:
        config: The run.
        sources: Its pictures.
        first_step: Step of the first batch.
        rank: Number of this process among all.
        world: How many processes share a step's samples.

    Yields:
        The batches. A picture that cannot be read is raised in its batch's place.

    Raises:
        STCNError: A picture cannot be read.
        TrainingError: A process that prepares samples died, which is noticed wherever the context's body then is.
    """
    workers = config.compute.workers
    numbers = _Numbers(config.steps.batch, first_step, config.steps.total, rank, world)
    loader: DataLoader[Sample | STCNError] = DataLoader(
        _Samples(config, sources),
        batch_size=numbers.mine,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_joined,
        pin_memory=torch.cuda.is_available(),
        # A fork of a process whose threads have worked already may hang.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_settle if workers else None,
        prefetch_factor=4 if workers else None,
    )
    with _held_back():
        prepared = iter(loader)
    try:
        yield map(_or_raise, prepared)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            "a process that prepares samples died", fix="If memory ran out, lower compute.workers or data.lines"
        ) from error
    finally:
        if workers:
            # Else they live as long as an error that somebody keeps, and a program that waits for them never ends.
            prepared._shutdown_workers()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Numbers(Sampler[int]):
    """The numbers of a process's samples, step by step; all processes together have every number once."""

    batch: int
    first_step: int
    steps: int
    rank: int
    world: int

    @property
    def mine(self) -> int:
        """Samples of this process in a step."""
        return self.batch // self.world

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.mine

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.steps):
            start = step * self.batch + self.rank * self.mine
            yield from range(start, start + self.mine)


class _Samples(Dataset[Sample | STCNError]):
    """The samples of a run by their number; an error is handed over as it is, since a process would garble it.

    Args:
        config: The run.
        sources: Its pictures.
    """

    def __init__(self, config: TrainingConfig, sources: Sources) -> None:
        self._config = config
        self._sources = sources
        self._maker: SampleMaker | None = None  # made where it is used: what it remembers does not travel

    def __getitem__(self, number: int) -> Sample | STCNError:
        try:
            return self._make(number)
        except STCNError as error:
            return error

    def _make(self, number: int) -> Sample:
        config, steps = self._config, self._config.steps
        if self._maker is None:
            reader = PictureReader(lines=config.data.lines, colour_space=config.data.colour_space)
            self._maker = SampleMaker(self._sources, reader, mixture=config.mixture, seed=config.seed)
        step = number // steps.batch
        return self._maker.make(
            number, size=staged(steps.crop, step, steps.total), gap=staged(steps.gap, step, steps.total)
        )


@contextmanager
def _held_back() -> Iterator[None]:
    """Keep Ctrl-C and a farm's signal to end from processes while they start, when nobody has told them yet to ignore it.

    Here signals wait until the context ends. Who is started in it inherits that they wait.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # Now, because it lets SIGINT and SIGTERM through again when it starts; it ignores both, but not SIGHUP.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _settle(_worker: int) -> None:
    """Leave the other cores to the network, and signals to the process that answers them."""
    torch.set_num_threads(1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _or_raise(batch: Sample | STCNError) -> Sample:
    if isinstance(batch, STCNError):
        raise batch
    return batch


def _joined(samples: list[Sample | STCNError]) -> Sample | STCNError:
    """Join samples to a batch; an error among them stands for all."""
    made: list[Sample] = []
    for sample in samples:
        if isinstance(sample, STCNError):
            return sample
        made.append(sample)
    return Sample(*(torch.stack(parts) for parts in zip(*(vars(sample).values() for sample in made), strict=True)))
