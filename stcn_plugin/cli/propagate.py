"""``stcn propagate``: shot files, or a plate and keyframes as options, to mattes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stcn_plugin.bridge.build import BuildOptions, parse_segments
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, chosen_settings, parse_settings
from stcn_plugin.bridge.report import Report
from stcn_plugin.cli.job_options import expand_shot_files, job_options
from stcn_plugin.cli.terminal import echo
from stcn_plugin.errors import STCNError

if TYPE_CHECKING:
    from stcn_plugin.bridge.shots import ShotResult
    from stcn_plugin.cli.displays import ProgressKind

_EXAMPLES = """
\b
Examples:
  stcn propagate sh010.yaml
  stcn propagate sh010.yaml --preset hero --set memory.interval=3 --range 1001-1040
  stcn propagate --plate 'plates/sh010.####.exr' --keyframe 1001=roto/sh010.1001.png --out 'mattes/sh010.####.exr'
  stcn propagate --plate 'p.####.exr' --keyframe 1001=a.exr:hero.A --keyframe 1040=b.exr:hero.A --out 'm.####.exr'
\b
Add a keyframe at frame 1060; only what it changes is done again:
  stcn propagate sh010.yaml --keyframe 1060=roto/sh010.1060.png --save sh010.v2.yaml
\b
See what there is to do, why, and how long it will take:
  stcn propagate sh010.yaml --dry-run
\b
Run all shots of a show overnight, and write a report:
  stcn propagate 'show/*.yaml' --report night.json --log night.log
"""

_ORIGINS = {
    "plate": "--plate",
    "keyframes": "--keyframe",
    "out": "--out",
    "range": "--range",
    "objects": "--object",
    "preset": "--preset",
    "weights": "--weights",
    "compute.device": "--device",
    "overlay.folder": "--overlay",
}
"""Fields of the request and settings, each with its flag."""


@click.command(epilog=_EXAMPLES)
@click.argument("shot_files", metavar="[SHOT.yaml]...", nargs=-1)
@click.option(
    "--plate",
    metavar="PATTERN",
    help="Frame pattern of the plate, such as plates/sh010.####.exr. %04d, $F4 and @@@@ work too.",
)
@click.option(
    "--keyframe",
    "keyframes",
    metavar="FRAME=FILE[:SELECTOR]",
    multiple=True,
    help="Frame and matte file of a keyframe. SELECTOR is a channel, layer, palette index, colour or object name. "
    "Repeatable.",
)
@click.option(
    "--out",
    metavar="PATTERN",
    help="Frame pattern of the mattes, such as mattes/sh010.####.exr. The extension sets the format: .exr, .png, .tif.",
)
@click.option("--range", "frames", metavar="RANGE", help="Frames to matte, such as 1001-1100x2,1200. All by default.")
@click.option(
    "--object",
    "spans",
    metavar="NAME[=RANGE]",
    multiple=True,
    help="An object by name, with its frame range if it is not present in the whole shot: ball=1028-1060, or several "
    "ranges: ball=1001-1020,1060-1090. A single NAME also applies to keyframe files without object names. Repeatable.",
)
@job_options
@click.option("--overlay", metavar="DIR", help="Folder for overlay images and a contact sheet.")
@click.option(
    "--segments",
    metavar="NUMBERS",
    help="Work only on these segments, such as 3-5 or 1,4. --dry-run lists them. For farms.",
)
@click.option("--rebuild", is_flag=True, help="Do everything again, even what is up to date.")
@click.option(
    "--verify",
    is_flag=True,
    help="Read all plate files to see whether they have changed, instead of comparing only their size and time.",
)
@click.option(
    "--dry-run",
    "is_dry_run",
    is_flag=True,
    help="Only show what would be done and why, with the time, disk space and memory that it needs.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the result of --dry-run as JSON.")
@click.option("--save", "save_as", metavar="FILE", help="Save the shot, with all options, as a shot file.")
@click.option(
    "--keep-going/--fail-fast",
    "keeps_going",
    default=True,
    show_default=True,
    help="Whether to run the other shots after one has failed.",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "bar", "plain", "json", "openjd", "percent"]),
    default="auto",
    show_default=True,
    help="How to show progress: a bar, plain lines, or on stdout JSON lines, messages of Open Job Description, or lines "
    "such as 'Progress: 40%'. By default, a bar on a terminal, otherwise plain lines.",
)
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a JSON report: objects, frames, seconds, weights, doubtful frames, warnings and errors of each shot.",
)
@click.option(
    "--log",
    "log_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Append frames, warnings, results and the worker's log to a file.",
)
@click.option("--verbose", "-v", is_flag=True, help="Print the worker's log as well.")
@click.option("--quiet", "-q", is_flag=True, help="Print only warnings and errors.")
@click.pass_context
def propagate(
    context: click.Context,
    shot_files: Sequence[str],
    plate: str | None,
    keyframes: Sequence[str],
    out: str | None,
    frames: str | None,
    spans: Sequence[str],
    preset: str | None,
    overrides: Sequence[str],
    weights: str | None,
    device: str | None,
    overlay: str | None,
    segments: str | None,
    rebuild: bool,
    verify: bool,
    is_dry_run: bool,
    is_json: bool,
    save_as: str | None,
    plugins: Sequence[str],
    keeps_going: bool,
    progress: ProgressKind,
    report_file: Path | None,
    log_path: Path | None,
    verbose: bool,
    quiet: bool,
) -> None:
    """Propagate keyframe mattes over a shot, or over several shots one after another.

    Does only what is missing: run it again after adding a keyframe, changing a setting, or cancelling.

    Takes shot files or patterns of them, or everything as options. Options override the shot files. Mattes are written
    at plate resolution with one layer per object, unless output.layout or the extension of --out says otherwise.
    """
    files = expand_shot_files(shot_files)
    of_one = {"--plate": plate, "--keyframe": keyframes, "--out": out, "--object": spans, "--overlay": overlay, "--segments": segments, "--save": save_as}  # fmt: skip
    if not files and (missing := [flag for flag in ("--plate", "--keyframe", "--out") if not of_one[flag]]):
        raise click.UsageError(
            f"Give a shot file, or all of --plate, --keyframe and --out; missing: {', '.join(missing)}"
        )
    if len(files) > 1 and (given := [flag for flag, value in of_one.items() if value]):
        raise click.UsageError(f"{' and '.join(given)} can be given for one shot only, not for {len(files)}")
    if is_json and not is_dry_run:
        raise click.UsageError("--json needs --dry-run; for the progress of a job, use --progress json")
    chosen = {"weights": weights, "compute.device": device, "overlay.folder": overlay}
    request = JobRequest(
        plate=plate,
        keyframes=tuple(map(_keyframe, keyframes)),
        out=out,
        range=frames,
        objects=_spans(spans),
        preset=preset,
        settings=parse_settings(overrides, "--set") | chosen_settings(chosen, _ORIGINS),
        origins=_ORIGINS,
        build=BuildOptions(
            parse_segments(segments, "--segments"), rebuild=rebuild, verify=verify, is_dry_run=is_dry_run
        ),
        save_as=save_as,
        plugins=tuple(plugins),
    )
    requests = [replace(request, shot_file=file) for file in files] or [request]
    if is_dry_run:
        progress = "plan-json" if is_json else "plan"
    status = _run(
        requests,
        keeps_going=keeps_going,
        progress=progress,
        report_file=report_file,
        log_path=log_path,
        verbose=verbose,
        quiet=quiet,
    )
    context.exit(status)


def _keyframe(text: str) -> KeyframeFile:
    """Split ``1001=roto.1001.png``."""
    frame, equals, file = text.partition("=")
    try:
        number = int(frame)
    except ValueError:
        number, equals = 0, ""
    if not equals or not file:
        raise click.UsageError(f"--keyframe {text}: write it as FRAME=FILE, such as 1001=roto.1001.png")
    return KeyframeFile(number, file)


def _spans(spans: Sequence[str]) -> dict[str, str | None]:
    """Split ``hero=1001-1060``; ``hero`` alone has no range."""
    found: dict[str, str | None] = {}
    for text in spans:
        name, equals, span = text.rpartition("=") if "=" in text else (text, "", "")
        if not name or bool(equals) != bool(span):
            raise click.UsageError(f"--object {text}: write it as NAME or NAME=RANGE, such as hero=1001-1060")
        found[name] = span or None
    return found


def _run(
    requests: Sequence[JobRequest],
    *,
    keeps_going: bool,
    progress: ProgressKind,
    report_file: Path | None,
    log_path: Path | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Run shots in a worker, in this Python; return the exit code."""
    from stcn_plugin.bridge.client import WorkerClient
    from stcn_plugin.bridge.launch import WorkerLaunch
    from stcn_plugin.bridge.log_file import log_file
    from stcn_plugin.bridge.session import Session
    from stcn_plugin.bridge.shots import ShotResult, exit_status, run_shots
    from stcn_plugin.cli.displays import progress_display
    from stcn_plugin.cli.host import CommandLineHost, write_report

    results = [ShotResult(request.shot_file or "", plate=request.plate) for request in requests]

    def report() -> None:
        if report_file is not None:
            write_report(report_file, results)

    with log_file(log_path) as log:

        def on_log(line: str) -> None:
            if verbose:
                echo(line, err=True)
            if log is not None:
                log.line(f"worker: {line}")

        report()  # fails now if it cannot be written
        with (
            _summary(results, quiet=quiet or progress in ("json", "plan", "plan-json")),
            WorkerClient(WorkerLaunch.in_this_python(), on_log=on_log) as worker,
            progress_display(progress, quiet=quiet) as display,
        ):
            worker.start()  # it loads while the rest is set up

            def run(request: JobRequest, plugins: Sequence[object]) -> Report:
                return Session(CommandLineHost(request), worker, plugins=plugins).run()

            shots = [(result, partial(run, request)) for result, request in zip(results, requests, strict=True)]
            run_shots(shots, display=display, log=log, keeps_going=keeps_going, on_result=report)
    return exit_status(results)


@contextmanager
def _summary(results: Sequence[ShotResult], *, quiet: bool) -> Iterator[None]:
    """Print a table of several shots at the end, also after an error."""
    try:
        yield
    except (STCNError, KeyboardInterrupt):
        _print_summary(results, quiet=quiet)
        raise
    _print_summary(results, quiet=quiet)


def _print_summary(results: Sequence[ShotResult], *, quiet: bool) -> None:
    if quiet or len(results) == 1:
        return
    from stcn_plugin.cli.tables import print_table

    rows = []
    for each in results:
        objects = ", ".join(each.report.objects) if each.report else ""
        frames = str(len(each.report.frames)) if each.report else ""
        seconds = "" if each.status == "not run" else f"{each.seconds:.1f}"
        rows.append((each.name, each.status, objects, str(len(each.warnings) or ""), frames, seconds))
    header = ("shot", "", "objects", "warnings", "frames", "seconds")
    print_table(header, rows, left=3, is_bold=lambda row: row[1] == "failed", err=True)
