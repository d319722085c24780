"""The scenarios of the check: what an artist does, and what must be true afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional, final

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.conformance.driver import Attempt, broken_hooks, is_crash, run_job
from stcn_plugin.bridge.conformance.rules import Finding, check_pattern, check_request, compare_shown, listed, path_of
from stcn_plugin.bridge.conformance.trial import FIRST, Trial, TrialFiles, TrialScript
from stcn_plugin.bridge.files import frame_path
from stcn_plugin.bridge.hooks import line_of
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import CancelledError, WorkerError

NAMES = ("Müller links", "主角", "hero.arm [x] $y", 'the "ball"')
"""Object names of the scenario with unusual names."""

Difference = Callable[[str, str, str], float]
"""Mean difference, 0 to 1, of a layer in a matte file from the artist's picture: file, layer, picture."""

_KEEP_MATTES = "Keep the mattes and the keyframes of a cancelled job"
_MOST_DIFFERENCE = 0.007
"""Allowed on a keyframe, for tools that render the artist's outline: a pixel along it."""


@final
class Scene:
    """A new script in which a scenario plays.

    Args:
        script: The script of the tool.
        files: Writes the files of its trials.
        client: The worker.
        difference: Compares pixels; ``None`` if that is not possible here.
    """

    def __init__(
        self,
        script: TrialScript,
        files: TrialFiles,
        client: WorkerClient,
        difference: Optional[Difference] = None,  # noqa: UP045
    ) -> None:
        self._script = script
        self.files = files
        self._client = client
        self._difference = difference

    def run(self, trial: Trial, *, cancels: bool = False, kills_worker: bool = False) -> Attempt:
        """Set up the script, and run the job of its host."""
        host = self._script.set_up(trial)
        own_cancel: Callable[[], None] | None = getattr(self._script, "cancel", None) if cancels else None
        return run_job(
            host,
            self._client,
            cancels=own_cancel,
            is_cancelled_by_plugin=cancels and own_cancel is None,
            kills_worker=kills_worker,
        )

    def run_to_end(self, trial: Trial) -> Iterator[Finding]:
        """Run a job that must succeed, and check its request and its result."""
        attempt = self.run(trial)
        yield from self.check_done(trial, attempt)

    def check_done(self, trial: Trial, attempt: Attempt) -> Iterator[Finding]:
        """Check a job that must have succeeded."""
        yield from _broken(attempt)
        if attempt.error is not None and not is_crash(attempt.error):
            yield Finding(f"the job failed: {str(attempt.error).rstrip('.')}", "It must succeed with this shot")
        if attempt.request is not None:
            yield from check_request(trial, attempt.request)
        if attempt.report is not None and attempt.error is None:
            yield from self._check_result(trial, attempt.report)

    def _check_result(self, trial: Trial, report: Report) -> Iterator[Finding]:
        wanted = tuple(dict.fromkeys(each.object_name for each in trial.keyframes))
        if sorted(report.objects) != sorted(wanted):
            yield Finding(
                f"the objects of the mattes are {listed(report.objects)}; the artist drew {listed(wanted)}",
                "Name every keyframe's object: KeyframeFile(frame, file, {name: ...}), with the artist's name unchanged",
            )
            return
        try:
            shown = sorted((name, path_of(pattern, FIRST)) for name, pattern in self._script.mattes())
        except Exception as error:  # noqa: BLE001 - of the module that is checked
            line = line_of(error)
            where = f" in {line}" if line else ""
            yield Finding(f"mattes() raised {error!r}{where}", "Return pairs of an object name and a frame pattern")
            return
        expected = sorted((name, path_of(pattern, FIRST)) for name, pattern in report.patterns.items())
        if shown != expected:
            yield from compare_shown(shown, expected)
            return
        for name, pattern in report.patterns.items():
            missing = [frame for frame in self.files.frames if not Path(frame_path(pattern, frame)).is_file()]
            if missing:
                yield Finding(f"frame {missing[0]} of '{name}' has no file", "Do not move or delete the mattes")
        yield from self._check_pixels(trial, report)

    def _check_pixels(self, trial: Trial, report: Report) -> Iterator[Finding]:
        for keyframe in trial.keyframes if self._difference is not None else ():
            assert self._difference is not None  # noqa: S101 - for the type checker
            file = frame_path(report.patterns[keyframe.object_name], keyframe.frame)
            off = self._difference(file, report.layers[keyframe.object_name], keyframe.file)
            if off > _MOST_DIFFERENCE:
                yield Finding(
                    f"the matte of '{keyframe.object_name}' at keyframe {keyframe.frame} is not the one that the artist "
                    f"drew (mean difference {off:.3f})",
                    "Check that it is rendered at that frame, at the plate's size, not upside down, and in no colour "
                    "space",
                )


def propagate(scene: Scene) -> Iterator[Finding]:
    """One object, one keyframe."""
    yield from scene.run_to_end(scene.files.trial())


def unusual_names(scene: Scene) -> Iterator[Finding]:
    """Objects with spaces, dots, quotes, brackets and other alphabets in their names, and such a folder."""
    yield from scene.run_to_end(scene.files.trial())


def update(scene: Scene) -> Iterator[Finding]:
    """Another keyframe in the same script, then the same job once more."""
    first, added = scene.files.frames[0], scene.files.frames[-2]
    yield from scene.run_to_end(scene.files.trial())
    before = scene.files.written()
    trial = scene.files.trial((first, added))
    attempt = scene.run(trial)
    yield from scene.check_done(trial, attempt)
    after = scene.files.written()
    rewritten = [name for name in before if f".{first}." in name and before[name] != after.get(name)]
    if rewritten:
        yield Finding(
            f"a keyframe at {added} rewrote frame {first}, which it cannot affect",
            "Keep the mattes where they are, and render unchanged keyframes to the same pixels",
        )
    trial = scene.files.trial((first, added))
    attempt = scene.run(trial)
    yield from scene.check_done(trial, attempt)
    if attempt.report is not None and attempt.report.frames:
        reasons = "; ".join(attempt.report.plan.reasons) if attempt.report.plan else "no reason is known"
        yield Finding(
            f"running the same job again wrote {len(attempt.report.frames)} frames ({reasons})",
            "Send the same request for the same script: the same settings, plate and pixels of the keyframes",
        )


def cancel(scene: Scene) -> Iterator[Finding]:
    """Cancel a job, then run it again."""
    trial = scene.files.trial()
    attempt = scene.run(trial, cancels=True)
    yield from _broken(attempt)
    if attempt.report is not None:
        yield Finding(
            "the job was not cancelled",
            "Return True from stcn_is_cancelled once the artist has cancelled, until the end",
        )
    elif attempt.error is not None and not isinstance(attempt.error, CancelledError):
        yield Finding(f"a cancelled job failed: {attempt.error}", "Leave cancelling to the session")
    finished = {name: time for name, time in scene.files.written().items() if _frame_of(name) in attempt.frames}
    deleted = sorted(set(attempt.frames) - set(map(_frame_of, finished)))
    if deleted and attempt.request is not None and not list(check_pattern(trial, attempt.request)):
        yield Finding(f"the matte of frame {deleted[0]}, which the cancelled job had finished, is gone", _KEEP_MATTES)
    yield from scene.run_to_end(trial)
    after = scene.files.written()
    again = sorted(name for name, time in finished.items() if after.get(name) != time)
    if again:
        yield Finding(f"the next job wrote {again[0]} again, which the cancelled job had finished", _KEEP_MATTES)


def worker_death(scene: Scene) -> Iterator[Finding]:
    """The worker dies in the middle of a job; the next job starts another one."""
    trial = scene.files.trial()
    attempt = scene.run(trial, kills_worker=True)
    yield from _broken(attempt)
    if attempt.error is not None and not isinstance(attempt.error, WorkerError):
        yield Finding(f"the worker died, and the job failed with {attempt.error!r}", "Leave the worker to the session")
    yield from scene.run_to_end(trial)


def no_plate(scene: Scene) -> Iterator[Finding]:
    """No plate is chosen; then one without files; then a good one."""
    nothing, gone = scene.files.trial(has_plate=False), scene.files.trial(has_plate_files=False)
    found = [*_must_fail(scene.run(nothing), "no plate is chosen", "a plate is chosen")]
    found += _must_fail(scene.run(gone), "the plate has no files", "the plate exists")
    yield from found
    yield from _after_errors(scene, found)


def wrong_keyframes(scene: Scene) -> Iterator[Finding]:
    """No keyframe at all; then one outside the frames; then a good one."""
    nothing, outside = scene.files.trial(()), scene.files.trial((FIRST + 1000,))
    found = [*_must_fail(scene.run(nothing), "there is no keyframe", "there is a keyframe")]
    found += _must_fail(scene.run(outside), "the only keyframe is outside the frame range", "a keyframe is inside")
    yield from found
    yield from _after_errors(scene, found)


SCENARIOS: Mapping[str, Callable[[Scene], Iterator[Finding]]] = {
    "propagate": propagate,
    "update": update,
    "cancel": cancel,
    "worker-death": worker_death,
    "no-plate": no_plate,
    "wrong-keyframes": wrong_keyframes,
    "unusual-names": unusual_names,
}
"""All scenarios by name."""


def _after_errors(scene: Scene, earlier: Sequence[Finding]) -> Iterator[Finding]:
    """Check that the next job works; yields only what was not found before."""
    for found in scene.run_to_end(scene.files.trial()):
        if found not in earlier:
            yield Finding(f"after these errors, {found.what}", found.fix)


def _must_fail(attempt: Attempt, problem: str, opposite: str) -> Iterator[Finding]:
    """Check that a job ended in an error that an artist can act on."""
    yield from _broken(attempt)
    if attempt.error is None:
        yield Finding(
            f"a job ran although {problem}", f"Do not replace what is missing: raise a HostError unless {opposite}"
        )
    elif not is_crash(attempt.error) and not attempt.error.fix:
        yield Finding(
            f"{problem}, and the error does not state what to do: {str(attempt.error).rstrip('.')}",
            "Raise a HostError with a fix",
        )


def _broken(attempt: Attempt) -> Iterator[Finding]:
    """Yield the exceptions of hooks."""
    error = attempt.error
    if error is not None and is_crash(error):
        fixes = [error.fix] if error.fix else []
        if error.__cause__ is not None:  # an exception that the host did not expect
            fixes.append("Raise a HostError with what, where and fix if the artist can correct it")
        yield Finding(
            f"{error.where}: {error.what}" if error.where else error.what, ". ".join(fixes) or "Correct the hook"
        )
    for text in broken_hooks(attempt):
        yield Finding(text.rstrip("."), "A hook that shows something must not raise")


def _frame_of(name: str) -> int:
    """Return the frame number of a matte file."""
    return int(name.rsplit(".", 2)[1])
