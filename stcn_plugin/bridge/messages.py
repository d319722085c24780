"""The message protocol: one JSON object a line, over pipes; the worker's first line tells its version.

Host to worker: `Describe`, `Run`, `Cancel`, `Quit`. Worker to host: `Hello` first, then `Alive` now and then, and
`Described`, `Progressed`, `Written`, `Warned`, and one of `Done` and `Failed` for every job.

Both sides check what they are sent. A worker that is sent what is no message exits with an error, since it cannot tell
whose job it was; hence a host checks what it sends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Union

from stcn_plugin import errors
from stcn_plugin.bridge.fields import Fields
from stcn_plugin.bridge.job import Description, JobRequest, Progress, Report, json_of
from stcn_plugin.errors import CancelledError, ProtocolError, STCNError, WorkerError

PROTOCOL = 1
"""Version of the protocol; both sides must speak the same."""

MOST_BYTES = 64 << 20
"""Longest message; a longer one can only be rubbish."""

_MOST_VALUES = 1 << 22
"""Most values in a message: decoded, small ones take twenty times the memory that they have as text."""

RETIRED = 75
"""Exit code of a worker that quits between jobs, having had none for long or a GPU that failed; another takes its place."""


@dataclass(frozen=True)
class Hello:
    """The worker is up and speaks ``protocol``; it runs ``version`` of the package as process ``pid``."""

    protocol: int
    version: str
    pid: int


@dataclass(frozen=True)
class Alive:
    """The worker's process lives; sent every second.

    The work under way has not got further for ``seconds``; it is ``doing`` something, with a ``file`` where it reads or
    writes one.
    """

    seconds: float = 0.0
    doing: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Describe:
    """Tell devices, weights and presets."""


@dataclass(frozen=True)
class Run:
    """Run a job; jobs wait for each other."""

    id: int
    job: JobRequest


@dataclass(frozen=True)
class Cancel:
    """Stop a job within one frame; it then ends as `Failed` with a `CancelledError`."""

    id: int


@dataclass(frozen=True)
class Quit:
    """Stop whatever runs and exit."""


@dataclass(frozen=True)
class Described:
    """Answer to `Describe`."""

    description: Description


@dataclass(frozen=True)
class Progressed:
    """A step of a job is done."""

    id: int
    progress: Progress


@dataclass(frozen=True)
class Written:
    """A frame's mattes are on disk."""

    id: int
    frame: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Warned:
    """Something went wrong without harm to the mattes."""

    id: int
    text: str


@dataclass(frozen=True)
class Done:
    """A job is done."""

    id: int
    report: Report


@dataclass(frozen=True)
class Failed:
    """A job, or with id 0 a `Describe`, ended with an error."""

    id: int
    error: STCNError


# Made at run time, where Python 3.9 has no `|` for classes.
Message = Union[  # noqa: UP007
    Hello, Alive, Describe, Run, Cancel, Quit, Described, Progressed, Written, Warned, Done, Failed
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
        "progressed": lambda f: Progressed(f.value("id", int), Progress.from_json(f.value("progress", dict))),
        "written": lambda f: Written(f.value("id", int), f.frame("frame"), f.strings("files")),
        "warned": lambda f: Warned(f.value("id", int), f.value("text", str)),
        "done": lambda f: Done(f.value("id", int), Report.from_json(f.value("report", dict))),
        "failed": lambda f: Failed(f.value("id", int), error_from_json(f.value("error", dict))),
    }
)


def encode(message: Message) -> bytes:
    """Return a message as one line: ASCII, so that no locale and no odd file name can break it.

    Raises:
        ProtocolError: It holds what JSON cannot, or is too long.
    """
    data: dict[str, Any] = {"type": type(message).__name__.lower()}
    for each in fields(message):
        value = getattr(message, each.name)
        data[each.name] = error_json(value) if isinstance(value, STCNError) else json_of(value)
    try:
        text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"this {data['type']} cannot be sent: {error}") from None
    if len(text) >= MOST_BYTES:
        raise ProtocolError(
            f"this {data['type']} has {len(text) >> 20} MB, too much to be sent", fix="Name fewer files"
        )
    return text.encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """Read one line.

    Raises:
        ProtocolError: It is no message.
    """
    if line.count(b",") + line.count(b"[") + line.count(b"{") > _MOST_VALUES:
        raise ProtocolError(f"this message has more values than any has: {_shown(line)}")
    try:
        data = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ProtocolError(f"this is no message: {_shown(line)}") from None
    named = Fields(data, "a message")
    kind = named.value("type", str)
    if kind not in _READ:
        raise ProtocolError(f"there is no message {kind[:40]!r}")
    return _READ[kind](named)


def check_version(hello: Hello) -> None:
    """Refuse a worker that speaks another protocol.

    Raises:
        ProtocolError: It does.
    """
    if hello.protocol != PROTOCOL:
        raise ProtocolError(
            f"the worker is stcn_plugin {hello.version} and speaks protocol {hello.protocol}, this host speaks {PROTOCOL}",
            fix="Install both from one version: run `stcn install` with the worker's Python again",
        )


def error_json(error: STCNError) -> dict[str, Any]:
    """Return an error as JSON can hold it; its class by name, of a plugin's own class the nearest of this package."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
    where, fix = (None if text is None else str(text) for text in (error.where, error.fix))
    data = {"kind": kind, "what": str(error.what), "where": where, "fix": fix}
    return {**data, "signal": error.signal} if isinstance(error, CancelledError) else data


def error_from_json(data: Mapping[str, Any]) -> STCNError:
    """Return the error that the other side met, of the same class; of a class unknown here, a `WorkerError`."""
    said = Fields(data, "an error")
    kind = getattr(errors, said.value("kind", str), None)
    known = kind if isinstance(kind, type) and issubclass(kind, STCNError) else WorkerError
    found = known(said.value("what", str), where=said.optional("where", str), fix=said.optional("fix", str))
    if isinstance(found, CancelledError):
        found.signal = said.optional("signal", int)
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are no JSON


def _shown(line: bytes) -> str:
    text = line[:120].decode("utf-8", "replace").strip()
    return repr(text if len(line) <= 120 else f"{text}…")
