"""Fit the model of the confidence on shots with ground truth, and measure it on clips that it has not seen.

    python examples/training/fit_confidence.py LIST [--measure LIST] [--model stcn_plugin/confidence/model.json]
        [--plot docs/images/confidence.svg]

Each line of LIST has a shot file and the frame pattern of its true mattes, separated by a comma. The shots must have been
propagated, with a cache. Shots with the same plate are one clip: for every clip, the figures printed are those of a model
that was fitted on the other clips. Clips of ``--measure`` are only measured, with the model that was fitted on all others.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from calibration_plot import calibration_plot
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr

from stcn_plugin.confidence.model import INPUTS, KINDS, Model, inputs, kind_of
from stcn_plugin.confidence.ranking import worst
from stcn_plugin.evaluation.hard import mask_of, region_overlap
from stcn_plugin.evaluation.matte_file import object_names, read_objects
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.review.mattes import MattesOnDisk
from stcn_plugin.review.shot_review import review_shot
from stcn_plugin.shot.file import load_shot

_RIDGE = 0.02
_J_LIMIT = 0.02  # J of 0 and 1 have no log odds


@dataclass(frozen=True, eq=False)
class Sample:
    """An object on a frame that is not a keyframe of it."""

    clip: str
    shot: str
    name: str
    index: int
    length: int
    kind: str
    inputs: dict[str, float]
    j: float


def samples_in(list_file: Path) -> list[Sample]:
    """Return the samples of all shots of a list."""
    with list_file.open(newline="") as file:
        return [sample for shot, truth in csv.reader(file) for sample in samples_of(shot, truth)]


def samples_of(shot_file: str, truth: str) -> Iterator[Sample]:
    """Yield the objects and frames of a shot."""
    shot = load_shot(shot_file)
    review = review_shot(shot, Path(shot_file).stem)
    job = review.job
    mattes, truths = MattesOnDisk(job.writer, job.objects), FrameSequence.parse(truth)
    for index, frame in enumerate(job.frames):
        path = truths.find(frame)
        names = object_names(path).names
        own, true = mattes.read(frame), read_objects(path, names)
        for series in review.series:
            figures = series.figures.get(index)
            if figures is None or index in series.keyframes:
                continue
            j = region_overlap(mask_of(own[series.name]), mask_of(true[series.name if len(names) > 1 else names[0]]))
            values = inputs(figures, keyframe=series.nearest_keyframe(index))
            yield Sample(shot.plate, shot_file, series.name, index, len(job.frames), kind_of(figures), values, j)


def fit(samples: Sequence[Sample]) -> Model:
    """Fit the log odds of J by least squares, with coefficients that are not negative; clips count alike."""
    return Model(**{kind: _fit_kind([each for each in samples if each.kind == kind]) for kind in KINDS})


def _fit_kind(samples: Sequence[Sample]) -> dict[str, float]:
    x = np.array([[each.inputs[name] for name in INPUTS] for each in samples])
    y = _log_odds(np.array([each.j for each in samples]))
    clips = [each.clip for each in samples]
    weight = np.array([clips.count(clip) ** -0.25 for clip in clips])
    mean, deviation = x.mean(0), x.std(0)
    design = np.c_[(x - mean) / deviation, np.ones(len(x))] * weight[:, None]
    ridge = np.sqrt(_RIDGE * (weight**2).sum()) * np.eye(len(INPUTS), len(INPUTS) + 1)
    lowest = [*[0.0] * len(INPUTS), -np.inf]
    solved = lsq_linear(np.r_[design, ridge], np.r_[y * weight, np.zeros(len(INPUTS))], (lowest, np.inf)).x
    found = dict(zip(INPUTS, solved[:-1] / deviation, strict=True))
    found["intercept"] = solved[-1] - sum(found[name] * each for name, each in zip(INPUTS, mean, strict=True))
    return {name: round(float(value), 4) for name, value in found.items()}


def held_out(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Return the expected J of every sample, by a model fitted on the other clips."""
    expected = np.zeros(len(samples))
    for clip in {each.clip for each in samples}:
        model = fit([each for each in samples if each.clip != clip])
        for number, each in enumerate(samples):
            if each.clip == clip:
                expected[number] = model.expected_of(each.inputs, kind=each.kind)
    return expected


def print_results(samples: Sequence[Sample], expected: NDArray[np.float64]) -> None:
    """Print rank correlations, the worst frames that are found, and the calibration."""
    true = np.array([each.j for each in samples])
    for kind in (*KINDS, None):
        own = np.array([kind in (None, each.kind) for each in samples])
        within = [
            spearmanr(expected[chosen], true[chosen]).statistic
            for shot in {(each.shot, each.name) for each in samples}
            if (chosen := own & np.array([(each.shot, each.name) == shot for each in samples])).sum() > 4
        ]
        print(
            f"{kind or 'all'}: {own.sum()} frames of {len({each.clip for each in samples})} clips, Spearman "
            f"{spearmanr(expected[own], true[own]).statistic:.3f}, within shots (mean) {np.nanmean(within):.3f}, mean "
            f"error {np.abs(expected - true)[own].mean():.3f}"
        )
    hits, chances = [], []
    for shot in {(each.shot, each.name) for each in samples}:
        rows = [number for number, each in enumerate(samples) if (each.shot, each.name) == shot]
        if len(rows) <= 10:  # all would be among the worst ten
            continue
        confidence = {samples[number].index: float(expected[number]) for number in rows}
        truly = sorted(rows, key=lambda number: true[number])[:10]
        named = worst(confidence, samples[rows[0]].length, most=5)
        hits.append(np.mean([index in {samples[number].index for number in truly} for index in named]))
        chances.append(min(10, len(rows)) / len(rows))
    print(
        f"of the five worst frames named, {np.mean(hits):.0%} are among the truly worst ten (by chance {np.mean(chances):.0%})"
    )
    for low, high in ((0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1)):
        own = (expected >= low) & (expected < high)
        if own.any():
            print(
                f"confidence {low:.2f}-{high:.2f}: {own.sum():4d} frames, mean {expected[own].mean():.3f}, true J {true[own].mean():.3f}"
            )


def main() -> None:
    """Fit, measure, and write the model."""
    parser = argparse.ArgumentParser(description="Fit the model of the confidence.")
    parser.add_argument("list", type=Path, help="CSV file: shot file, pattern of the true mattes")
    parser.add_argument("--measure", type=Path, help="the same for clips that are measured only")
    parser.add_argument("--model", type=Path, help="file to write the coefficients to")
    parser.add_argument("--plot", type=Path, help="SVG file to draw the calibration in")
    options = parser.parse_args()
    samples = samples_in(options.list)
    expected = held_out(samples)
    print_results(samples, expected)
    model = fit(samples)
    sets = {"clips of the fit, each held out": (expected, np.array([each.j for each in samples]))}
    if options.measure:
        others = samples_in(options.measure)
        expected = np.array([model.expected_of(each.inputs, kind=each.kind) for each in others])
        print("\nother clips")
        print_results(others, expected)
        sets["clips that no fit has seen"] = expected, np.array([each.j for each in others])
    if options.plot:
        options.plot.write_text(calibration_plot(sets))
    data = {
        "frames": len(samples),
        "clips": len({each.clip for each in samples}),
        **{kind: getattr(model, kind) for kind in KINDS},
    }
    text = json.dumps(data, indent=1)
    print(text)
    if options.model:
        options.model.write_text(text + "\n")


def _log_odds(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = shares.clip(_J_LIMIT, 1 - _J_LIMIT)
    return np.asarray(np.log(shares / (1 - shares)))


if __name__ == "__main__":
    main()
