"""``stcn review``: a page for each shot, with its mattes, its doubtful frames and the next keyframe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import click

from stcn_plugin.bridge.job import JobRequest, chosen_settings, parse_settings
from stcn_plugin.bridge.signals import exit_code
from stcn_plugin.cli.job_options import expand_shot_files, job_options
from stcn_plugin.cli.terminal import echo, echo_message
from stcn_plugin.errors import STCNError

_ORIGINS = {"preset": "--preset", "weights": "--weights", "compute.device": "--device"}

_FASTEST = 1000
_NTSC = Fraction(1000, 1001)
_ROUNDING = Fraction(1, 200)
"""How far a frame rate with decimals may be from one of NTSC, such as 24000/1001, to stand for it."""

_EXAMPLES = """
\b
Examples:
  stcn review sh010.yaml
  stcn review 'show/*.yaml' --out dailies
  stcn review sh010.v2.yaml --against sh010.v1.yaml
  stcn review sh010.yaml --movie sh010.mp4
"""


@click.command(epilog=_EXAMPLES)
@click.argument("shot_files", metavar="SHOT.yaml...", nargs=-1, required=True)
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("review"),
    show_default=True,
    help="Folder of the pages. Each shot gets NAME.html and NAME.json; several shots get index.html.",
)
@click.option(
    "--against",
    metavar="SHOT.yaml|PATTERN",
    help="An earlier version to compare with: its shot file, or the frame pattern of its mattes. For one shot only.",
)
@click.option(
    "--movie",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write a movie of the overlay with ffmpeg: .mp4 (H.264) or .mov (ProRes 422 HQ). For one shot only.",
)
@click.option(
    "--otio",
    "markers",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write an OpenTimelineIO file with markers at keyframes, doubtful frames and next keyframes. For one shot "
    "only.",
)
@click.option(
    "--fps",
    metavar="RATE",
    callback=lambda _context, _option, text: None if text is None else frame_rate(text),
    help="Frames per second of the page, the movie and the markers, such as 25, 23.976 or 24000/1001. Default: that of the "
    "plate, or 24.",
)
@job_options
@click.pass_context
def review(
    context: click.Context,
    shot_files: Sequence[str],
    folder: Path,
    against: str | None,
    movie: Path | None,
    markers: Path | None,
    fps: Fraction | None,
    preset: str | None,
    overrides: Sequence[str],
    weights: str | None,
    device: str | None,
    plugins: Sequence[str],
) -> None:
    """Write a page for each shot: its mattes over the plate, the confidence of every frame, and which frames to look at.

    A page is one HTML file that opens in any browser, without a server and without a network. NAME.json has every figure.
    Nothing is propagated: run `stcn propagate` first.
    """
    from stcn_plugin.review.run import ReviewOptions, check_options, failed_entry, review_request, write_index
    from stcn_plugin.studio.plugins import studio_hooks

    files = expand_shot_files(shot_files)
    of_one = {"--against": against, "--movie": movie, "--otio": markers}
    if len(files) > 1 and (given := [flag for flag, value in of_one.items() if value]):
        raise click.UsageError(f"{' and '.join(given)} can be given for one shot only, not for {len(files)}")
    options = ReviewOptions(folder, against, movie, markers, fps)
    check_options(options)
    chosen = {"weights": weights, "compute.device": device}
    settings = parse_settings(overrides, "--set") | chosen_settings(chosen, _ORIGINS)
    studio = studio_hooks(plugins)
    entries, codes = [], []
    for file, name in zip(files, _names(files), strict=True):
        request = JobRequest(shot_file=file, preset=preset, settings=settings, origins=_ORIGINS, plugins=tuple(plugins))
        try:
            with _progress(name) as on_frame:
                entry = review_request(request, name, options, studio=studio, on_frame=on_frame)
        except STCNError as error:
            if len(files) == 1:
                raise
            echo_message(f"{file}: {error}")
            codes.append(exit_code(error))
            entries.append(failed_entry(name, error))
        else:
            echo(f"{name}: {entry.state}, {entry.notes} -> {folder / (entry.page or '')}")
            entries.append(entry)
    if len(files) > 1:
        echo(f"index: {write_index(folder, entries)}")
    context.exit(min(codes, default=0))


def frame_rate(text: str) -> Fraction:
    """Return the frame rate that a user wrote.

    >>> str(frame_rate("23.976")), str(frame_rate("25")), str(frame_rate("30000/1001"))
    ('24000/1001', '25', '30000/1001')

    Raises:
        click.BadParameter: It is not a frame rate.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= _FASTEST:
        raise click.BadParameter(f"'{text}' is not a frame rate from 1 to {_FASTEST}, such as 25, 23.976 or 24000/1001")
    nearest = round(rate / _NTSC) * _NTSC
    is_rounded = rate.denominator > 1 and abs(rate - nearest) < _ROUNDING
    return nearest if is_rounded else rate


def _names(files: Sequence[str]) -> list[str]:
    """Return a name for the page of each shot: its file without the extension, with its folder if two are the same."""
    stems = [Path(file).stem for file in files]
    names: list[str] = []
    for file, stem in zip(files, stems, strict=True):
        name = stem if stems.count(stem) == 1 and stem != "index" else f"{Path(file).absolute().parent.name}_{stem}"
        unique, number = name, 2
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    return names


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal's stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from stcn_plugin.bridge.printable import printable

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(printable(name), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
