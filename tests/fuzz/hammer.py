"""Fuzz harness: runs thousands of random inputs in a child process, which may crash, hang or exhaust memory.

An attack is a function ``attack(rng, folder)`` that generates one hostile input from ``rng`` and passes it to the package.
An `STCNError` other than `UnexpectedError` is the expected result. Any other exception, a crash, a case that takes longer
than `SECONDS` or a process larger than `MEGABYTES` is a defect. Time spent waiting for a processor does not count. The
number of a case determines its input, so that ``replay`` can repeat it.
"""

from __future__ import annotations

import importlib
import os
import queue
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SECONDS = 10.0
MEGABYTES = 2048
_CEILING = 8 << 30  # address space limit in bytes, far above MEGABYTES, to protect the machine
_START = 60.0  # time limit in seconds for imports in the child

Attack = Callable[[np.random.Generator, Path], None]


@dataclass(frozen=True)
class Defect:
    """A case with an unexpected result.

    Args:
        number: Number of the case.
        what: ``traceback``, ``crash``, ``hang`` or ``memory``.
        detail: The traceback, the exit code or the size.
    """

    number: int
    what: str
    detail: str

    def __str__(self) -> str:
        return f"case {self.number}: {self.what}\n{self.detail}"


def hammer(attack: str, count: int, *, start: int = 0) -> list[Defect]:
    """Run cases ``start`` to ``start + count`` of an attack and return the defects, at most twenty.

    Args:
        attack: ``module:function``; the module is importable with ``tests`` on the path.
        count: Number of cases.
        start: Number of the first.
    """
    defects: list[Defect] = []
    number, end = start, start + count
    while number < end and len(defects) < 20:
        number = _one_child(attack, number, end, defects)
    return defects


def replay(attack: str, number: int, folder: Path) -> None:
    """Run one case in this process, to debug it."""
    _function(attack)(np.random.default_rng([number]), folder)


def _one_child(attack: str, number: int, end: int, defects: list[Defect]) -> int:
    """Run cases in a child until the end, or until the child must be replaced; return the next case."""
    command = [sys.executable, "-X", "faulthandler", __file__, attack, str(number), str(end)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    last_words: list[str] = []
    assert child.stdout is not None
    assert child.stderr is not None
    out, err = child.stdout, child.stderr

    def listen() -> None:
        for line in out:
            lines.put(line)
        lines.put(None)

    threads = [
        threading.Thread(target=listen, daemon=True),
        threading.Thread(target=lambda: last_words.extend(err.readlines()[-30:]), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        limit = patience = _START
        waited = 0.0
        while True:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                if (patience := _waited(child.pid) - waited) > 0.1:
                    waited += patience
                    continue
                defects.append(Defect(number, "hang", f"over {limit:.0f} s"))
                return number + 1
            limit = patience = SECONDS
            waited = _waited(child.pid)
            if line is None:
                if (code := child.wait()) or number < end:
                    threads[1].join(5)
                    defects.append(Defect(number, "crash", f"exit code {code}\n{''.join(last_words)}"))
                    number += 1
                return number
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "done":
                number += 1
            elif word in {"traceback", "memory"}:
                defects.append(Defect(number, word, rest.replace("\x1f", "\n")))
                number += 1
                if word == "memory":
                    return number
    finally:
        child.kill()
        child.wait()
        for thread in threads:
            thread.join(5)
        out.close()
        err.close()


def _waited(process: int) -> float:
    """Return for how many seconds a process was runnable but waiting for a processor."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _function(attack: str) -> Attack:
    module, _, name = attack.partition(":")
    function: Attack = getattr(importlib.import_module(module), name)
    return function


def _child(attack: str, start: int, end: int) -> None:
    """Run cases and report each on the real stdout; output of the package goes to stderr."""
    from stcn_plugin.errors import STCNError, UnexpectedError

    resource.setrlimit(resource.RLIMIT_AS, (_CEILING, resource.getrlimit(resource.RLIMIT_AS)[1]))
    speak = os.fdopen(os.dup(1), "w", buffering=1, errors="backslashreplace")  # tracebacks quote hostile names
    os.dup2(2, 1)
    function = _function(attack)
    speak.write("ready\n")
    for number in range(start, end):
        folder = Path(tempfile.mkdtemp(prefix="stcn-fuzz-"))
        verdict = "done"
        try:
            function(np.random.default_rng([number]), folder)
        except UnexpectedError:
            verdict = "traceback " + traceback.format_exc().replace("\n", "\x1f")
        except STCNError:
            pass
        except BaseException:  # noqa: BLE001 - any exception is a result
            verdict = "traceback " + traceback.format_exc().replace("\n", "\x1f")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        peak = peak_megabytes()
        if verdict == "done" and peak > MEGABYTES:
            verdict = f"memory {peak:.0f} MB"
        speak.write(verdict + "\n")
        if verdict.startswith("memory"):
            return


def peak_megabytes() -> float:
    """Return this process's largest resident memory so far. `ru_maxrss` would count the parent's, from before `exec`."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
