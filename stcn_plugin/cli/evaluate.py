"""``stcn evaluate``: scores of mattes against ground truth, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stcn_plugin.atomic import Outputs
from stcn_plugin.cli.tables import print_table
from stcn_plugin.cli.terminal import echo_document
from stcn_plugin.frames import parse_frame_range

if TYPE_CHECKING:
    from stcn_plugin.evaluation import Evaluation, Scores

_HEADER = ("J", "F", "J&F", "MSE x1e3", "SAD /1e3", "Grad /1e3", "Conn /1e3", "dtSSD x1e2")
_BAND_HEADER = ("MSE x1e3", "SAD /1e3", "Grad /1e3", "dtSSD x1e2", "flicker x1e3")


def _renamed(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """Parse ``OURS=THEIRS``."""
    renamed = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise click.BadParameter(f"'{pair}' is not OURS=THEIRS, such as hero=1")
        renamed[ours] = theirs
    return renamed


@click.command()
@click.argument("mattes")
@click.argument("truth")
@click.option("--frames", metavar="RANGE", help="Frames to score, such as 1001-1100x2. All by default.")
@click.option("--skip", metavar="RANGE", help="Frames to leave out, such as the keyframes: 1001,1010.")
@click.option("--davis", is_flag=True, help="Leave out the first and the last frame, as the DAVIS benchmark does.")
@click.option("--object", "objects", metavar="NAME", multiple=True, help="Object to score. Repeatable. All by default.")
@click.option(
    "--map",
    "renamed",
    metavar="OURS=THEIRS",
    multiple=True,
    callback=_renamed,
    help="Name of an object in the mattes and in the ground truth, if they differ. Repeatable.",
)
@click.option("--plate", metavar="PATTERN", help="The plate, for flicker along its motion.")
@click.option("--means", "means_only", is_flag=True, help="Print only the means, not every frame.")
@click.option(
    "--json", "json_path", metavar="FILE", help="Write the scores as JSON; - prints JSON instead of the table."
)
def evaluate(
    mattes: str,
    truth: str,
    frames: str | None,
    skip: str | None,
    davis: bool,
    objects: tuple[str, ...],
    renamed: dict[str, str],
    plate: str | None,
    means_only: bool,
    json_path: str | None,
) -> None:
    """Score mattes against ground truth.

    MATTES and TRUTH are sequences such as m.####.exr, folders with one sequence, or patterns with <object> for one file
    per object. All frames with ground truth are scored. J (region overlap), F (boundary accuracy) and their mean J&F
    are defined as in the DAVIS benchmark; 1 is perfect. The other scores are errors of the soft matte; 0 is perfect.

    \b
    J, F     of the mattes, thresholded at 0.5; F has a tolerance of 0.008 of the diagonal
    MSE      mean squared error, x 1e3
    SAD      sum of absolute differences, in thousands of pixels
    Grad     sum of squared differences of gradient magnitudes (sigma 1.4), / 1e3
    Conn     sum of differences in connectivity to the object, in thousands of pixels
    dtSSD    root mean square of the difference in change since the previous frame, x 1e2;
             not defined for the first frame and after a gap
    flicker  mean change of the squared error since the previous frame, along the motion of the
             plate, x 1e3; needs --plate

    The second table has the scores in the band only: soft pixels of the ground truth and up to 8 pixels around them,
    in images that are 2048 wide.

    The mean of an object is over its frames, the overall mean is over the objects.
    """  # noqa: D301 - click reads the backspace
    from stcn_plugin.evaluation import evaluate as compare
    from stcn_plugin.evaluation import plate_images
    from stcn_plugin.media.sequences import FrameSequence

    outputs = Outputs()
    if json_path and json_path != "-":
        outputs.prepare([Path(json_path)])
    with _progress() as progress:
        evaluation = compare(
            FrameSequence.parse(mattes),
            FrameSequence.parse(truth),
            frames=parse_frame_range(frames) if frames else None,
            skip=parse_frame_range(skip) if skip else (),
            davis=davis,
            objects=objects,
            renamed=renamed,
            plate=None if plate is None else plate_images(FrameSequence.parse(plate)),
            progress=progress,
        )
    if json_path == "-":
        echo_document(evaluation.to_json())
        return
    if json_path:
        outputs.write(Path(json_path), (evaluation.to_json() + "\n").encode("utf-8"))
    for title, header, cells in (("", _HEADER, _cells), ("in the band", _BAND_HEADER, _band_cells)):
        if title:
            echo_document(f"\n{title}")
        rows = list(_rows(evaluation, means_only, cells))
        print_table(("object", "frame", *header), rows, left=1, is_bold=lambda row: row[1] == "mean")


def _rows(
    evaluation: Evaluation, means_only: bool, cells: Callable[[Scores], Iterator[str]]
) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row, means last."""
    if not means_only:
        for scored in evaluation.objects:
            for frame, scores in scored.frames.items():
                yield scored.name, str(frame), *cells(scores)
    for scored in evaluation.objects:
        yield scored.name, "mean", *cells(scored.mean)
    if len(evaluation.objects) > 1:
        yield "all", "mean", *cells(evaluation.mean)


def _cells(scores: Scores) -> Iterator[str]:
    yield from (f"{score:.4f}" for score in (scores.j, scores.f, scores.jf))
    yield from map(_error, (scores.mse, scores.sad, scores.gradient, scores.connectivity, scores.dtssd))


def _band_cells(scores: Scores) -> Iterator[str]:
    band = (scores.band_mse, scores.band_sad, scores.band_gradient, scores.band_dtssd, scores.flicker)
    yield from map(_error, band)


def _error(error: float | None) -> str:
    return "-" if error is None else f"{error:.3f}"


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal's stderr while frames are scored."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Scoring", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
