"""Jobs from a host's command line: the flags that all hosts share, progress as text, and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, final

from stcn_plugin.bridge.assessment import assessment_lines
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.bridge.build import BuildOptions, parse_segments
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress, Report
from stcn_plugin.bridge.printable import printable, printable_lines
from stcn_plugin.bridge.signals import exit_code, stop_signals_raised
from stcn_plugin.bridge.summaries import plan_lines, reason_lines, result_text

_WRONG_USAGE = 2
SHARED_ORIGINS = {
    "range": "--range",
    "out": "--out",
    "preset": "--preset",
    "weights": "--weights",
    "compute.device": "--device",
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


def add_shared_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that mean the same in every host."""
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


@final
class BatchLog:
    """Prints a job's progress, a line per percent, its warnings and its report; a plugin of `HostHooks`.

    Args:
        frame_shift: Frame number of the plate minus frame number in the host.
    """

    def __init__(self, *, frame_shift: int = 0) -> None:
        self._frame_shift = frame_shift
        self._percent = -1

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print every whole percent."""
        percent = 100 * progress.done // max(1, progress.total)
        if percent > self._percent:
            self._percent = percent
            frame = progress.frame - self._frame_shift
            print_line(f"{percent} %, frame {frame}, step {progress.done} of {progress.total}")

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a warning to stderr."""
        print_error(f"warning: {text}")

    def print_report(self, report: Report) -> None:
        """Print the result of a job, or what a dry run found."""
        for line in self._report_lines(report):
            print_line(line)

    def _report_lines(self, report: Report) -> Iterator[str]:
        if report.plan and report.estimate:  # of a dry run
            yield from plan_lines(report.plan, report.estimate)
            return
        yield result_text(report, frame_shift=self._frame_shift)
        yield from reason_lines(report)
        for pattern in dict.fromkeys(report.patterns.values()):
            yield f"mattes: {pattern}"
        if report.assessment:
            yield from assessment_lines(report.assessment, frame_shift=self._frame_shift)
        if report.shot_file:
            yield f"shot file: {report.shot_file}"
        if report.weights:
            yield f"weights: {report.weights.text}"


def run_batch(run: Callable[[], None]) -> int:
    """Run a job, print its error, and return the exit code."""
    try:
        with stop_signals_raised():
            run()
    except KeyboardInterrupt as error:
        print_error("cancelled")
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - every error ends in a message and an exit code
        found = as_stcn_error(error, log=print_error)
        print_error(str(found))
        return exit_code(found)
    return 0


def parse_arguments(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace | int:
    """Parse a command line without exiting the host.

    Returns:
        The arguments; after ``--help`` or wrong usage, the exit code.
    """
    try:
        return parser.parse_args(arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else _WRONG_USAGE


def print_line(text: str) -> None:
    """Print a line of output."""
    print(f"stcn: {printable(text)}", flush=True)  # noqa: T201 - a batch prints


def print_error(text: str) -> None:
    """Print a message to stderr."""
    print(f"stcn: {printable_lines(text, indent='  ')}", file=sys.stderr, flush=True)  # noqa: T201
