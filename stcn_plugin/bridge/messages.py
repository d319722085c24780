"""The message protocol between host and worker: one JSON object per line, over pipes.

Host to worker: `Describe`, `Run`, `Cancel`, `Quit`. Worker to host: `Hello` first, `Alive` every second, `Described`,
`Prepared`, `Progressed`, `Written`, `Warned`, and one `Done` or `Failed` for every job.

Both sides validate the messages that they receive. A worker exits on an invalid message, because it cannot tell which job
the message belongs to; hosts therefore validate messages before sending them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Union

from stcn_plugin import errors
from stcn_plugin.bridge.description import Description
from stcn_plugin.bridge.fields import Fields
from stcn_plugin.bridge.job import JobRequest, Progress, json_of
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import CancelledError, ProtocolError, STCNError, WorkerError

PROTOCOL = 2
"""Version of the protocol, which must be the same on both sides."""

MAX_MESSAGE_BYTES = 64 << 20
"""Maximum length of a message."""

_MAX_VALUES = 1 << 22
"""Maximum number of values in a message; decoded, small values take twenty times the memory of their text."""

RETIRED = 75
"""Exit code of a worker that exits between jobs, after a long idle time or a GPU failure, to be replaced by another."""


@dataclass(frozen=True)
class Hello:
    """The worker has started: process ``pid`` runs ``version`` of stcn_plugin and uses ``protocol``."""

    protocol: int
    version: str
    pid: int


@dataclass(frozen=True)
class Alive:
    """The worker responds; sent every second.

    Args:
        seconds: Seconds since the job last made progress.
        doing: What the job is doing.
        file: The file that it reads or writes.
    """

    seconds: float = 0.0
    doing: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Describe:
    """Request a `Description`."""


@dataclass(frozen=True)
class Run:
    """Run a job, after the jobs that were sent before."""

    id: int
    job: JobRequest


@dataclass(frozen=True)
class Cancel:
    """Cancel a job within one frame; it ends as `Failed` with a `CancelledError`."""

    id: int


@dataclass(frozen=True)
class Quit:
    """Cancel all jobs and exit."""


@dataclass(frozen=True)
class Described:
    """The answer to `Describe`."""

    description: Description


@dataclass(frozen=True)
class Prepared:
    """A job has been checked, and its first matte is about to be written; the report has its objects and files."""

    id: int
    report: Report


@dataclass(frozen=True)
class Progressed:
    """A job has made progress."""

    id: int
    progress: Progress


@dataclass(frozen=True)
class Written:
    """The mattes of a frame are on disk."""

    id: int
    frame: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Warned:
    """A problem that does not affect the mattes."""

    id: int
    text: str


@dataclass(frozen=True)
class Done:
    """A job is done."""

    id: int
    report: Report


@dataclass(frozen=True)
class Failed:
    """A job failed; with id 0, a `Describe`."""

    id: int
    error: STCNError


# Evaluated at runtime, where Python 3.9 has no `|` for classes.
Message = Union[  # noqa: UP007
    Hello, Alive, Describe, Run, Cancel, Quit, Described, Prepared, Progressed, Written, Warned, Done, Failed
]

_READ: Mapping[str, Callable[[Fields], Message]] = MappingProxyType(
    {
        "hello": lambda f: Hello(f.value("protocol", int), f.value("version", str), f.value("pid", int)),
        "alive": lambda f: Alive(
            f.optional("seconds", float) or 0.0, f.optional("doing", str), f.optional("file", str)
        ),
        "describe": lambda _: Describe(),
        "run": lambda f: Run(f.value("id", int), JobRequest.from_json(f.value("job", dict))),
        "cancel": lambda f: Cancel(f.value("id", int)),
        "quit": lambda _: Quit(),
        "described": lambda f: Described(Description.from_json(f.value("description", dict))),
        "prepared": lambda f: Prepared(f.value("id", int), Report.from_json(f.value("report", dict))),
        "progressed": lambda f: Progressed(f.value("id", int), Progress.from_json(f.value("progress", dict))),
        "written": lambda f: Written(f.value("id", int), f.frame("frame"), f.strings("files")),
        "warned": lambda f: Warned(f.value("id", int), f.value("text", str)),
        "done": lambda f: Done(f.value("id", int), Report.from_json(f.value("report", dict))),
        "failed": lambda f: Failed(f.value("id", int), error_from_json(f.value("error", dict))),
    }
)


def encode(message: Message) -> bytes:
    """Return a message as one line of ASCII, which is independent of locales and unusual file names.

    Raises:
        ProtocolError: The message has a value that JSON does not support, or is too long.
    """
    data: dict[str, Any] = {"type": type(message).__name__.lower()}
    for each in dataclasses.fields(message):
        value = getattr(message, each.name)
        data[each.name] = error_json(value) if isinstance(value, STCNError) else json_of(value)
    try:
        text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"a message {data['type']!r} cannot be sent: {error}") from None
    if len(text) >= MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a message {data['type']!r} is too long: {len(text) >> 20} MB", fix="Use fewer files")
    return text.encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """Parse one line.

    Raises:
        ProtocolError: The line is not a valid message.
    """
    if line.count(b",") + line.count(b"[") + line.count(b"{") > _MAX_VALUES:
        raise ProtocolError(f"a message has too many values: {_excerpt(line)}")
    try:
        data = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ProtocolError(f"not a message: {_excerpt(line)}") from None
    fields = Fields(data, "a message")
    kind = fields.value("type", str)
    if kind not in _READ:
        raise ProtocolError(f"unknown message {kind[:40]!r}")
    return _READ[kind](fields)


def check_version(hello: Hello) -> None:
    """Check that a worker uses the same protocol.

    Raises:
        ProtocolError: It uses another one.
    """
    if hello.protocol != PROTOCOL:
        raise ProtocolError(
            f"the worker is stcn_plugin {hello.version} and uses protocol {hello.protocol}, this host uses {PROTOCOL}",
            fix="Install the same version of both: run `stcn install` again with the worker's Python",
        )


def error_json(error: STCNError) -> dict[str, Any]:
    """Convert an error to JSON types, with the name of its class or, for a plugin's class, of the nearest base class here."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
    where, fix = (None if text is None else str(text) for text in (error.where, error.fix))
    data = {"kind": kind, "what": str(error.what), "where": where, "fix": fix, "retry": error.retry}
    return {**data, "signal": error.signal} if isinstance(error, CancelledError) else data


def error_from_json(data: Mapping[str, Any]) -> STCNError:
    """Return an error of the same class; if the class is unknown here, a `WorkerError`."""
    fields = Fields(data, "an error")
    kind = getattr(errors, fields.value("kind", str), None)
    known = kind if isinstance(kind, type) and issubclass(kind, STCNError) else WorkerError
    error = known(fields.value("what", str), where=fields.optional("where", str), fix=fields.optional("fix", str))
    error.retry = fields.optional("retry", bool) or False
    if isinstance(error, CancelledError):
        error.signal = fields.optional("signal", int)
    return error


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _excerpt(line: bytes) -> str:
    text = line[:120].decode("utf-8", "replace").strip()
    return repr(text if len(line) <= 120 else f"{text}…")
