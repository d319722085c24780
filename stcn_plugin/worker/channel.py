"""The worker's end of the pipes: messages in on a thread of their own, messages out from any thread."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from typing import IO, final

from stcn_plugin.bridge.messages import MOST_BYTES, Alive, Cancel, Message, Quit, decode, encode
from stcn_plugin.errors import ProtocolError

_PULSE = 1.0
"""Seconds between two signs of life."""

_GRACE = 10.0
"""Seconds that a job may take to stop once nobody is there to read of it."""


@final
class Channel:
    """Reads requests and sends messages; owns what was stdout, so that nothing else can write there.

    Args:
        source: What the host writes to.
        sink: What the host reads from.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._host = os.getppid()
        self.is_quitting = False
        self.exit_code = 0

    @classmethod
    def of_process(cls) -> Channel:
        """Take this process's stdin and stdout; what libraries and plugins print goes to stderr from now on."""
        sink = os.fdopen(os.dup(1), "wb", buffering=0)
        source = os.fdopen(os.dup(0), "rb")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # nothing that is started from here may read the host's messages
        os.close(nothing)
        sys.stdout = sys.stderr
        return cls(source, sink)

    def open(self) -> None:
        """Start to listen and to give signs of life."""
        for target in (self._listen, self._pulse, self._watch):
            threading.Thread(target=target, name=f"stcn-{target.__name__}", daemon=True).start()

    def next(self, timeout: float | None = None) -> Message | None:
        """Return the next request; ``None`` where none comes within ``timeout`` seconds."""
        try:
            return self._requests.get(timeout=timeout)
        except queue.Empty:
            return None

    def send(self, message: Message) -> None:
        """Send a message; from any thread. Nothing happens where the host is gone, which listening tells.

        Raises:
            ProtocolError: It holds what cannot be sent.
        """
        line = encode(message)
        with self._lock:
            try:
                while line:
                    line = line[self._sink.write(line) :]
            except OSError:
                self.is_quitting = True

    def is_cancelled(self, job: int) -> bool:
        """Tell whether a job is to stop."""
        return self.is_quitting or job in self._cancelled

    def _listen(self) -> None:
        """Queue requests; cancelling and quitting work at once, whatever runs."""
        try:
            while line := self._source.readline(MOST_BYTES):
                if not line.endswith(b"\n") and len(line) < MOST_BYTES:
                    break  # the host died in the middle of a message
                message = decode(line)
                if isinstance(message, Quit):
                    break
                if isinstance(message, Cancel):
                    self._cancelled.add(message.id)
                else:
                    self._requests.put(message)
        except ProtocolError as error:
            print(f"the host does not speak as it should: {error}", file=sys.stderr)  # noqa: T201 - this is the log
            self.exit_code = 2  # to go on would leave the host to wait for an answer that never comes
        finally:
            self._quit()

    def _pulse(self) -> None:
        """Show that this process has not hung."""
        while not self.is_quitting:
            self.send(Alive())
            time.sleep(_PULSE)
        self._quit()

    def _watch(self) -> None:
        """Notice a host that died where a copy of its pipes lives on; elsewhere than on Windows, which hides it."""
        while os.getppid() == self._host:
            time.sleep(_PULSE)
        self._quit()

    def _quit(self) -> None:
        """Have the job stop, and leave by force where it does not: an orphan would keep its memory for ever."""
        self.is_quitting = True
        self._requests.put(Quit())
        time.sleep(_GRACE)
        os._exit(3)
