"""``nuke -t batch.py``: a script's roto propagated without an interface, for farms and the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn, final

import nuke

from stcn_nuke import colour, plates
from stcn_nuke.host import NukeHost
from stcn_nuke.orders import Propagation, Source
from stcn_nuke.paths import absolute, default_out, forward
from stcn_nuke.rotos import key_frames
from stcn_nuke.running import told
from stcn_nuke.selection import node_named
from stcn_nuke.worker import Worker
from stcn_plugin.bridge import Progress, Report, Session
from stcn_plugin.bridge.printable import printable, printable_lines
from stcn_plugin.bridge.signals import exit_code, stop_signals_raised
from stcn_plugin.errors import CancelledError, HostError, STCNError
from stcn_plugin.frames import parse_frame_range

_EXAMPLES = """
examples:
  nuke -t batch.py sh010.nk --node Read1 --roto Roto1 --frames=1001-1100 --preset=hero
  nuke -t batch.py sh010.nk --node Read1 --roto Hero --roto Ball --keyframes=1001,1040 --out=/mattes/sh010.####.exr

Write numbers and ranges behind an equals sign (--frames=1001-1100): a number at the end is what Nuke takes for itself.
Exit codes: 0 done, 1 an error told on stderr, 2 wrong arguments; stopped by a signal: 129 SIGHUP, 130 SIGINT, 143 SIGTERM.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit code."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    worker = Worker()
    try:
        with stop_signals_raised():
            try:
                report = _run(options, worker)
            finally:
                worker.stop()
    except KeyboardInterrupt as error:
        return _fail(CancelledError("stopped"), exit_code(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be told and end in an honest exit code
        return _fail(told(error), exit_code(error))
    _say(f"done: {len(report.frames)} frames of {', '.join(report.objects)}")
    for pattern in dict.fromkeys(report.patterns.values()):
        _say(f"mattes: {forward(pattern)}")
    return 0


def _run(options: argparse.Namespace, worker: Worker) -> Report:
    order = _order(options)
    host = NukeHost(order, LineDisplay(), delivers=options.save is not None)
    report = Session(host, worker.client()).run()
    if options.save is not None:
        try:
            nuke.scriptSaveAs(options.save, overwrite=1)
        except RuntimeError as error:
            raise HostError(f"the script cannot be saved ({error})", where=options.save) from None
    return report


def _order(options: argparse.Namespace) -> Propagation:
    """Return what the arguments ask for, in the script's words.

    Raises:
        STCNError: The script cannot be opened, or does not have what they name.
    """
    try:
        nuke.scriptOpen(options.script)
    except RuntimeError as error:
        raise HostError(f"the script cannot be opened ({error})", where=options.script) from None
    plate = node_named(options.node)
    frames = options.frames or plates.frame_range(plate)
    shot = parse_frame_range(frames)
    listed = parse_frame_range(options.keyframes) if options.keyframes else None
    rotos = [node_named(name) for name in options.roto]
    return Propagation(
        plate=plate.fullName(),
        sources=tuple(Source(roto.fullName(), listed or key_frames(roto, shot)) for roto in rotos),
        range=frames,
        out=absolute(options.out) if options.out else default_out(options.script, plate.name()),
        colour=colour.plate_space(plate) if options.colour is None else options.colour,
        preset=options.preset,
        weights=options.weights,
        device=options.device,
        settings=tuple(options.set),
    )


@final
class LineDisplay:
    """Lines on stdout; a farm's log reads them."""

    def __init__(self) -> None:
        self._told = -1

    def show_progress(self, progress: Progress) -> None:
        """Write a line at every whole percent."""
        percent = 100 * progress.done // max(1, progress.total)
        if percent > self._told:
            self._told = percent
            _say(f"{percent} %, frame {progress.frame}, step {progress.done} of {progress.total}")

    def warn(self, text: str) -> None:
        """Write a warning to stderr."""
        sys.stderr.write(f"stcn: warning: {printable(text)}\n")

    def is_cancelled(self) -> bool:
        """Signals alone cancel, which the session sees to."""
        return False


class _Parser(argparse.ArgumentParser):
    """Ends wrong usage with one message, and says what Nuke may have done to the arguments."""

    def error(self, message: str) -> NoReturn:
        hint = " Write numbers as --frames=1001-1100: Nuke takes a number at the end for itself."
        said = message[:1].upper() + message[1:]
        self.exit(2, f"stcn: {said}.{hint if 'expected one argument' in message else ''} See --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="nuke -t batch.py",
        description="Propagate the roto of a Nuke script over a shot, without an interface.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("script", help="the Nuke script")
    parser.add_argument("--node", required=True, metavar="NAME", help="the plate: a Read, or any node")
    parser.add_argument(
        "--roto",
        required=True,
        action="append",
        metavar="NAME",
        help="node whose alpha is the keyframes; its name is the object's; repeat for more objects",
    )
    parser.add_argument(
        "--keyframes", default="", metavar="FRAMES", help="frames of the keyframes; all of the roto's keys"
    )
    parser.add_argument("--frames", default="", metavar="RANGE", help="frames to matte; those of the plate's node")
    parser.add_argument("--out", default="", metavar="PATTERN", help="mattes, such as /mattes/sh010.####.exr")
    parser.add_argument("--preset", default="default", metavar="NAME", help="settings to start from")
    parser.add_argument("--weights", default="", metavar="NAME", help="weights, over those of the preset")
    parser.add_argument("--device", default="", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--colour", metavar="SPACE", help="colour space of the plate's files; that of the Read's knob")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting over the preset's; repeat for more"
    )
    parser.add_argument("--save", metavar="SCRIPT", help="wire the mattes into the script and save it there")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"stcn: {printable(text)}\n")
    sys.stdout.flush()


def _fail(error: STCNError, code: int) -> int:
    sys.stderr.write(f"stcn: {printable_lines(str(error), indent='  ')}\n")
    return code
