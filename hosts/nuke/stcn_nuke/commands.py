"""What the STCN menu does. Every mistake ends in one message, never in a traceback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, final

import nuke

from stcn_nuke.orders import Order
from stcn_nuke.own_nodes import selected_origin
from stcn_nuke.running import BackgroundJob, told
from stcn_nuke.selection import selected
from stcn_nuke.worker import Worker
from stcn_plugin.errors import CancelledError, HostError, STCNError

if TYPE_CHECKING:
    from stcn_plugin.bridge import Description


@final
class Commands:
    """The menu's commands, over one worker and at most one job."""

    def __init__(self) -> None:
        self._worker = Worker()
        self._job: BackgroundJob | None = None

    def propagate(self) -> None:
        """Ask what to propagate from the selected nodes, and start it."""
        with_message(self._propagate)

    def update(self) -> None:
        """Ask for new keyframes of the selected mattes, and propagate the spans around them again."""
        with_message(self._update)

    def cancel(self) -> None:
        """Stop the job that runs."""
        with_message(self._cancel)

    def test(self) -> None:
        """Start the worker and show what it offers."""
        with_message(self._test)

    def _propagate(self) -> None:
        from stcn_nuke.panels import PropagatePanel

        self._check_idle()
        panel = PropagatePanel(selected())
        self._ask_worker(panel.offer)
        if panel.ask():
            self._start(panel.order())

    def _update(self) -> None:
        from stcn_nuke.panels import UpdatePanel

        self._check_idle()
        panel = UpdatePanel(selected_origin())
        if panel.showModalDialog():
            self._start(panel.order())

    def _start(self, order: Order) -> None:
        job = BackgroundJob(order, self._worker, on_end=self._end)
        self._job = job
        try:
            job.start()
        except BaseException:
            self._job = None
            raise

    def _end(self, error: STCNError | None) -> None:
        self._job = None
        show(error)

    def _cancel(self) -> None:
        if self._job is None:
            raise HostError("no job is running")
        self._job.cancel()

    def _check_idle(self) -> None:
        if self._job is not None:
            raise HostError("a job is running", fix="Wait for it, or cancel it first")

    def _test(self) -> None:
        self._check_idle()
        self._worker.forget()

        def answered(description: Description | None, error: STCNError | None) -> None:
            if description is not None:
                nuke.message(summary(description))
            else:
                show(error)

        self._ask_worker(answered)

    def _ask_worker(self, answered: Callable[[Description | None, STCNError | None], None]) -> None:
        """Ask what the worker offers; the answer comes on the main thread, also while a panel is open."""

        def ask() -> None:
            try:
                description = self._worker.describe()
            except Exception as error:  # noqa: BLE001 - whatever it is, the artist must be told
                nuke.executeInMainThread(answered, args=(None, told(error)))
            else:
                nuke.executeInMainThread(answered, args=(description, None))

        threading.Thread(target=ask, name="stcn-ask", daemon=True).start()


def summary(description: Description) -> str:
    """Return what a worker offers as text."""
    lines = ["The worker answers."]
    for title, choices in (
        ("Devices", description.devices),
        ("Weights", description.weights),
        ("Presets", description.presets),
    ):
        lines.append(f"\n{title}:")
        lines += [f"  {choice.name}: {choice.label}" for choice in choices]
    return "\n".join(lines)


def with_message(command: Callable[[], None]) -> None:
    """Run a command; an error becomes one message."""
    try:
        command()
    except Exception as error:  # noqa: BLE001 - whatever it is, the artist must be told
        show(told(error))


def show(error: STCNError | None) -> None:
    """Show an error; that a job was cancelled is no news to who cancelled it."""
    if isinstance(error, CancelledError):
        nuke.tprint(f"STCN: {error}")
    elif error is not None:
        nuke.message(f"STCN: {error}")
