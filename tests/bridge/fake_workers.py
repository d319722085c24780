"""Stand-ins for a worker: real processes that run small scripts, each with one kind of misbehaviour."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from waiting import DEADLINE

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.messages import Done, Failed, Message
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.session import Session
from stcn_plugin.bridge.timeouts import Timeouts

MessageT = TypeVar("MessageT")

JOB = JobRequest(plate="p.####.exr", out="m.####.exr")

REPORT = Report(
    objects=("hero",), layers={}, patterns={}, layout="layers", device="cpu", precision="float32", first=1, last=9
)

_PRELUDE = """
import json, os, signal, subprocess, sys, time

def send(type, **fields):
    sys.stdout.write(json.dumps({"type": type, **fields}, separators=(",", ":")) + "\\n")
    sys.stdout.flush()

def hello(protocol=2):
    send("hello", protocol=protocol, version="9.9.9", pid=os.getpid())

def request():
    return json.loads(sys.stdin.readline() or '{"type": "quit"}')

def done(id):
    send("done", id=id, report={"layout": "layers", "device": "cpu", "precision": "float32", "objects": ["hero"], "first": 1, "last": 9})

def prepared(id):
    send("prepared", id=id, report={"layout": "layers", "device": "none", "precision": "none", "objects": ["hero"], "first": 1, "last": 9})

def failed(id, kind, what):
    send("failed", id=id, error={"kind": kind, "what": what})

def say(*words):
    print(*words, file=sys.stderr, flush=True)
"""

GOOD = """
hello()
while (asked := request())["type"] != "quit":
    if asked["type"] == "run":
        send("progressed", id=asked["id"], progress={"done": 1, "total": 1, "frame": 1001})
        done(asked["id"])
"""

WORKING = """
hello()
while (asked := request())["type"] != "quit":
    if asked["type"] != "run":
        continue
    id = asked["id"]
    prepared(id)
    for frame in (1001, 1002):
        send("progressed", id=id, progress={"done": frame - 1000, "total": 2, "frame": frame})
        send("written", id=id, frame=frame, files=["m.%d.exr" % frame])
    send("warned", id=id, text="one object is small")
    done(id)
"""

UNTIL_CANCELLED = """
hello()
while (asked := request())["type"] != "quit":
    id = asked["id"]
    if asked["type"] == "cancel":
        failed(id, "CancelledError", "cancelled; the mattes written so far are complete")
    elif asked["job"]["preset"] == "short":
        done(id)
    else:
        send("progressed", id=id, progress={"done": 1, "total": 9, "frame": 1001})
"""

DEAF = """
hello()
id = request()["id"]
while True:
    send("progressed", id=id, progress={"done": 1, "total": 9, "frame": 1001})
    time.sleep(0.05)
"""


def fake(script: str) -> WorkerLaunch:
    """Return a launch that runs a script instead of a worker."""
    return WorkerLaunch(sys.executable, arguments=("-I", "-S", "-c", _PRELUDE + script))


def stopped_clients() -> Iterator[Callable[..., WorkerClient]]:
    """Make clients of stand-ins; stop all of them at the end."""
    made = []

    def make(script: str = WORKING, **limits: float) -> WorkerClient:
        made.append(WorkerClient(fake(script), timeouts=Timeouts(**{"quit": 0.5, **limits})))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def receive_until(client: WorkerClient, is_wanted: Callable[[Message], bool]) -> list[Message]:
    """Receive messages up to the wanted one, which is the last of the list; raises what receiving raises."""
    deadline = time.monotonic() + DEADLINE
    messages: list[Message] = []
    while time.monotonic() < deadline:
        message = client.receive(timeout=0.1)
        if message is not None:
            messages.append(message)
            if is_wanted(message):
                return messages
    raise TimeoutError(f"the message did not come; received: {messages}")


def end_of(client: WorkerClient, job: int) -> Done | Failed:
    """Receive until a job has ended."""
    message = receive_until(client, lambda message: isinstance(message, (Done, Failed)) and message.id == job)[-1]
    assert isinstance(message, (Done, Failed))
    return message


def until(client: WorkerClient, kind: type[MessageT]) -> MessageT:
    """Receive until there is a message of a type."""
    message = receive_until(client, lambda message: isinstance(message, kind))[-1]
    assert isinstance(message, kind)
    return message


def report_of(session: Session) -> Report:
    """Poll until the job is done."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        report = session.poll(timeout=0.05)
        if report is not None:
            return report
    raise TimeoutError("the job did not end")


def is_alive(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
