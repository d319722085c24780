"""Runs the job of each scene with the settings of each row, and compares the mattes with the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from benchmarks.edges.rendering import FIRST, Rendered

from stcn_plugin import Shot, load_preset, make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.evaluation import Scores, evaluate, plate_images
from stcn_plugin.evaluation.scores import mean_of
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.propagate import load_engine_for
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset


@dataclass(frozen=True)
class EdgeResult:
    """The scores of a scene in a row.

    Args:
        scene: Name of the scene, or ``mean``.
        row: Name of the row.
        scores: Mean over the objects and all frames but the keyframe.
        seconds: Seconds per frame of the whole job, with files on both sides.
        cpu_seconds: Processor time per frame of all threads, which depends less on other load.
    """

    scene: str
    row: str
    scores: Scores
    seconds: float
    cpu_seconds: float


class EdgeBench:
    """Measures scenes.

    Args:
        folder: Folder for the mattes.
        settings: Settings of every row, such as the weights, each ``key=value``.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        self._folder = folder
        self._settings = tuple(settings)
        self._engine: Engine | None = None

    def measure(
        self, scene: Rendered, rows: Mapping[str, Sequence[str]], note: Callable[[EdgeResult], None]
    ) -> list[EdgeResult]:
        """Measure a scene in every row; rows with the same settings are run once.

        Args:
            scene: The scene on disk.
            rows: Name of a row to its settings.
            note: Called with every result.
        """
        done: list[tuple[Preset, EdgeResult]] = []
        for row, overrides in rows.items():
            preset = load_preset("default", overrides=(*self._settings, *overrides))
            same = next((result for settings, result in done if settings == preset), None)
            result = replace(same, row=row) if same else self._run(scene, row, overrides)
            done.append((preset, result))
            note(result)
        return [result for _, result in done]

    def _run(self, scene: Rendered, row: str, overrides: Sequence[str]) -> EdgeResult:
        folder = self._folder / scene.folder.name / row.replace(" ", "")
        shot = self._shot(scene, folder, overrides)
        engine = self._engine_for(shot)
        started, used = time.perf_counter(), time.process_time()
        build(prepare(shot), lambda _: engine, options=BuildOptions(rebuild=True))
        seconds = (time.perf_counter() - started) / scene.frames
        cpu_seconds = (time.process_time() - used) / scene.frames
        found = evaluate(
            FrameSequence.parse(shot.out),
            FrameSequence.parse(scene.truth),
            frames=range(FIRST, FIRST + scene.frames),
            skip=[FIRST],
            plate=plate_images(FrameSequence.parse(scene.plate)),
        )
        return EdgeResult(scene.scene.name, row, found.mean, seconds, cpu_seconds)

    def _shot(self, scene: Rendered, folder: Path, overrides: Sequence[str]) -> Shot:
        return make_shot(
            plate=scene.plate,
            keyframes={FIRST: str(scene.keyframe)},
            out=folder / "matte.####.exr",
            range=f"{FIRST}-{FIRST + scene.frames - 1}",
            overrides=(*self._settings, *overrides),
        )

    def _engine_for(self, shot: Shot) -> Engine:
        """Return the engine, which is the same for all rows: they do not change weights or device."""
        if self._engine is None:
            self._engine = load_engine_for(prepare(shot).settings)
        return self._engine


def means(results: Sequence[EdgeResult]) -> list[EdgeResult]:
    """Return the mean over the scenes by row."""
    rows = dict.fromkeys(result.row for result in results)
    found = []
    for row in rows:
        own = [result for result in results if result.row == row]
        scores = mean_of(result.scores for result in own)
        seconds, cpu = fmean(result.seconds for result in own), fmean(result.cpu_seconds for result in own)
        found.append(EdgeResult("mean", row, scores, seconds, cpu))
    return found
