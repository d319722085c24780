"""Jobs from a host's command line: the flags of ``stcn propagate``, one or several shots, progress, report, exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NoReturn, Optional, final

from stcn_plugin.bridge.assessment import assessment_lines
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.bridge.build import BuildOptions, parse_segments
from stcn_plugin.bridge.displays import Display, JSONDisplay, OpenJDDisplay, Output, PercentDisplay
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import JobRequest, Progress, Report, Setting, chosen_settings, parse_settings
from stcn_plugin.bridge.log_file import log_file
from stcn_plugin.bridge.printable import printable, printable_lines
from stcn_plugin.bridge.shots import ShotResult, exit_status, report_json, run_shots
from stcn_plugin.bridge.signals import exit_code, stop_signals_raised
from stcn_plugin.bridge.summaries import plan_lines, reason_lines, result_text
from stcn_plugin.bridge.warm_worker import WarmWorker
from stcn_plugin.errors import OutputError, PresetError, STCNError, is_temporary

_WRONG_USAGE = 2
SHARED_ORIGINS = {
    "range": "--range",
    "out": "--out",
    "preset": "--preset",
    "weights": "--weights",
    "compute.device": "--device",
    "objects": "--object",
    "overlay.folder": "--overlay",
}
"""Fields of the request and settings, each with its flag."""
_EXIT_CODES = """\
Exit codes: 0 done, 1 error, 2 wrong arguments, 75 try again (memory, a disk, a network share or a GPU failed); cancelled,
with complete mattes on disk: 130 Ctrl-C (SIGINT), 143 SIGTERM, 129 SIGHUP."""


class BatchParser(argparse.ArgumentParser):
    """Reports wrong usage as one line.

    Args:
        program: Command line up to the arguments.
        description: What the command does.
        examples: Example command lines.
    """

    def __init__(self, program: str, *, description: str, examples: str) -> None:
        super().__init__(
            prog=program,
            description=description,
            epilog=f"examples:\n{examples}\n\n{_EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print the message and exit."""
        self.exit(_WRONG_USAGE, f"stcn: {printable(message[:1].upper() + message[1:])}. See --help.\n")


@dataclass(frozen=True)
class SharedRequest:
    """What the shared flags add to a request of any host.

    Args:
        objects: Object name to its frame range.
        plugins: Studio plugins.
        save_as: File to save the shot to; ``None`` for the one next to the mattes.
        settings: Settings of flags.
    """

    objects: Mapping[str, Optional[str]] = field(default_factory=dict)  # noqa: UP045
    plugins: tuple[str, ...] = ()
    save_as: Optional[str] = None  # noqa: UP045
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def applied(self, request: JobRequest) -> JobRequest:
        """Return a request with these fields."""
        return replace(
            request,
            objects={**request.objects, **self.objects},
            plugins=(*request.plugins, *self.plugins),
            save_as=self.save_as or request.save_as,
            settings={**request.settings, **self.settings},
        )


@dataclass(frozen=True)
class BatchShot:
    """A shot of a batch.

    Args:
        name: Its name in messages and in the report.
        run: Runs its job with further plugins, and returns the report. It sets `BatchLog.frame_shift`.
    """

    name: str
    run: Callable[[Sequence[object], BatchLog], Report]


def add_shared_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``stcn propagate``, which mean the same in every host."""
    parser.add_argument("--range", metavar="RANGE", help="frames to matte, such as 1001-1100")
    parser.add_argument("--out", metavar="PATTERN", help="mattes, such as /mattes/sh010.####.exr")
    parser.add_argument("--preset", metavar="NAME", help="preset by name, or a YAML file")
    parser.add_argument("--weights", metavar="NAME", help="weights by name; those of the preset by default")
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a setting that overrides the preset, such as memory.interval=3; may be repeated",
    )
    parser.add_argument(
        "--segments",
        metavar="NUMBERS",
        help="work only on these segments, such as 3-5 or 1,4, and leave the scene or script as it is",
    )
    parser.add_argument(
        "--object",
        metavar="NAME[=RANGE]",
        action="append",
        default=[],
        help="an object with its frame range, such as ball=1028-1060; may be repeated",
    )
    parser.add_argument("--overlay", metavar="DIR", help="folder for overlay images and a contact sheet")
    parser.add_argument("--plugin", metavar="MODULE|FILE", action="append", default=[], help="studio plugin to load")
    parser.add_argument("--save", metavar="FILE", help="shot file to save; by default, it is next to the mattes")
    parser.add_argument("--rebuild", action="store_true", help="do everything again, even what is up to date")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read all plate files to see whether they have changed, instead of comparing only their size and time",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only tell what there is to do and why, how long it will take, and what disk and memory it needs",
    )
    parser.add_argument("--report", metavar="FILE", type=Path, help="write a JSON report of each shot")
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="append frames, warnings and the worker's log to a file"
    )
    parser.add_argument(
        "--progress",
        choices=["plain", "json", "openjd", "percent"],
        default="plain",
        help="how to show progress: lines, or for programs JSON lines, Open Job Description, or 'Progress: 40%%'",
    )
    going_on = parser.add_mutually_exclusive_group()
    going_on.add_argument(
        "--keep-going", action="store_true", default=True, help="run the other shots after one failed"
    )
    going_on.add_argument("--fail-fast", dest="keep_going", action="store_false", help="stop after a shot has failed")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the worker's log as well")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only warnings and errors")
    parser.add_argument(
        "--worker", metavar="PYTHON", help="Python of the worker; by default, the one that `stcn install` recorded"
    )


def build_options(flags: argparse.Namespace) -> BuildOptions:
    """Return the options that the shared flags describe.

    Raises:
        FrameRangeError: ``--segments`` is invalid.
    """
    return BuildOptions(
        segments=parse_segments(flags.segments, "--segments"),
        rebuild=flags.rebuild,
        verify=flags.verify,
        is_dry_run=flags.dry_run,
    )


def shared_request(flags: argparse.Namespace) -> SharedRequest:
    """Return what the shared flags add to a request.

    Raises:
        PresetError: A setting or an object is invalid.
    """
    overlay = {"overlay.folder": os.path.abspath(flags.overlay) if flags.overlay else None}  # noqa: PTH100
    return SharedRequest(
        objects=_spans(flags.object),
        plugins=tuple(flags.plugin),
        save_as=os.path.abspath(flags.save) if flags.save else None,  # noqa: PTH100
        settings={**chosen_settings(overlay, SHARED_ORIGINS), **parse_settings(flags.set, "--set")},
    )


def several_shots_problem(flags: argparse.Namespace, count: int, more: Sequence[str] = ()) -> str | None:
    """Return what is wrong if flags that describe one shot are used for several.

    Args:
        flags: The flags.
        count: Number of shots.
        more: Further flags of the host for one shot only.
    """
    of_one = ("--out", "--object", "--overlay", "--segments", "--save", *more)
    given = [flag for flag in of_one if getattr(flags, flag.removeprefix("--").replace("-", "_"))]
    return f"{' and '.join(given)} can be given for one shot only, not for {count}" if count > 1 and given else None


def run_shots_of_batch(flags: argparse.Namespace, shots: Sequence[BatchShot], worker: WarmWorker) -> int:
    """Run shots one after another, with the display, the log and the report of the flags; return the exit code.

    Args:
        flags: The shared flags.
        shots: The shots.
        worker: The worker, which is stopped at the end.
    """
    results = [ShotResult(shot.name) for shot in shots]

    def report() -> None:
        if flags.report is not None:
            _write_whole(flags.report, report_json(results))

    def run() -> int:
        display = _display(flags)
        with log_file(flags.log) as log:

            def on_log(line: str) -> None:
                if flags.verbose:
                    print_error(line)
                if log is not None:
                    log.line(f"worker: {line}")

            worker.on_log = on_log
            report()  # fails now if it cannot be written
            calls = [(result, partial(_run_shot, shot, display)) for result, shot in zip(results, shots)]  # noqa: B905
            run_shots(calls, display=display, log=log, keeps_going=flags.keep_going, on_result=report)
        if len(shots) > 1 and not flags.quiet and flags.progress == "plain":
            for result in results:
                print_line(f"{result.name}: {result.status}")
        return exit_status(results)

    try:
        return run_batch(run)
    finally:
        worker.stop()


def _run_shot(shot: BatchShot, display: Display, plugins: Sequence[object]) -> Report:
    """Run a shot; exceptions that are not of this package become errors of it."""
    shown = display if isinstance(display, BatchLog) else BatchLog()
    try:
        return shot.run(plugins, shown)
    except STCNError:
        raise
    except Exception as error:
        raise as_stcn_error(error, log=print_error) from error


def _display(flags: argparse.Namespace) -> Display:
    output = Output(_print_raw, print_error)
    if flags.progress == "json":
        return JSONDisplay(output)
    if flags.progress == "openjd":
        return OpenJDDisplay(output)
    if flags.progress == "percent":
        return PercentDisplay(output)
    return Display(output) if flags.quiet and not flags.dry_run else BatchLog()


def _spans(texts: Sequence[str]) -> dict[str, str | None]:
    """Split ``hero=1001-1060``; ``hero`` alone has no range."""
    found: dict[str, str | None] = {}
    for text in texts:
        name, equals, span = text.rpartition("=") if "=" in text else (text, "", "")
        if not name or bool(equals) != bool(span):
            raise PresetError(
                f"'{text}' is not an object",
                where="--object",
                fix="Write it as NAME or NAME=RANGE, such as hero=1001-1060",
            )
        found[name] = span or None
    return found


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either complete or absent.

    Raises:
        OutputError: It cannot be written.
    """
    temporary = ""
    try:
        number, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
        what = f"the report cannot be written ({(error.strerror or str(error)).lower()})"
        raise OutputError(what, where=str(path), fix="Choose another --report", retry=is_temporary(error)) from None


@final
class BatchLog(Display):
    """Prints a job's progress, a line per percent, its warnings and its report.

    Args:
        frame_shift: Frame number of the plate minus frame number in the host.
    """

    def __init__(self, *, frame_shift: int = 0) -> None:
        super().__init__(Output(print_line, print_error))
        self.frame_shift = frame_shift
        self._percent = -1

    def start(self, shot: str) -> None:
        """Begin the display of a shot."""
        super().start(shot)
        self._percent = -1
        if shot:
            print_line(f"shot {shot}")

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print every whole percent."""
        percent = 100 * progress.done // max(1, progress.total)
        if percent > self._percent:
            self._percent = percent
            frame = progress.frame - self.frame_shift
            print_line(f"{percent} %, frame {frame}, step {progress.done} of {progress.total}")

    def finish(self, report: Report, seconds: float) -> None:  # noqa: ARG002 - of other displays
        """Print the result of a shot."""
        self.print_report(report)

    def print_report(self, report: Report) -> None:
        """Print the result of a job, or what a dry run found."""
        for line in self._report_lines(report):
            print_line(line)

    def _report_lines(self, report: Report) -> Iterator[str]:
        if report.plan and report.estimate:  # of a dry run
            yield from plan_lines(report.plan, report.estimate)
            return
        yield result_text(report, frame_shift=self.frame_shift)
        yield from reason_lines(report)
        for pattern in dict.fromkeys(report.patterns.values()):
            yield f"mattes: {pattern}"
        if report.assessment:
            yield from assessment_lines(report.assessment, frame_shift=self.frame_shift)
        if report.shot_file:
            yield f"shot file: {report.shot_file}"
        if report.weights:
            yield f"weights: {report.weights.text}"


def run_batch(run: Callable[[], Optional[int]]) -> int:  # noqa: UP045
    """Run jobs, print their error, and return the exit code."""
    try:
        with stop_signals_raised():
            return run() or 0
    except KeyboardInterrupt as error:
        print_error("cancelled")
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - every error ends in a message and an exit code
        found = as_stcn_error(error, log=print_error)
        print_error(str(found))
        return exit_code(found)


def parse_arguments(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str],
    problem_of: Callable[[argparse.Namespace], Optional[str]] = lambda _: None,  # noqa: UP045
) -> argparse.Namespace | int:
    """Parse a command line without exiting the host.

    Args:
        parser: The parser.
        arguments: The arguments.
        problem_of: Returns what is wrong with the arguments together, if anything.

    Returns:
        The arguments; after ``--help`` or wrong usage, the exit code.
    """
    try:
        flags = parser.parse_args(arguments)
        if problem := problem_of(flags):
            parser.error(problem)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else _WRONG_USAGE
    return flags


def print_line(text: str) -> None:
    """Print a line of output."""
    print(f"stcn: {printable(text)}", flush=True)  # noqa: T201 - a batch prints


def _print_raw(text: str) -> None:
    """Print a line that a program reads."""
    print(printable(text), flush=True)  # noqa: T201


def print_error(text: str) -> None:
    """Print a message to stderr."""
    print(f"stcn: {printable_lines(text, indent='  ')}", file=sys.stderr, flush=True)  # noqa: T201
