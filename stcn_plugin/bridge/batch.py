"""The command line of a host's batch: the flags of ``stcn propagate``, and what they add to a request."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn, Optional

from stcn_plugin.bridge.build import BuildOptions, parse_segments
from stcn_plugin.bridge.job import JobRequest, Setting, chosen_settings, parse_settings
from stcn_plugin.bridge.printable import printable
from stcn_plugin.errors import PresetError

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
