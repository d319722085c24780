"""Notification of plugins; their errors do not affect the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.errors import CancelledError, PluginError, STCNError, UnexpectedError


@final
class Notifier:
    """Calls hooks that have no result. An error is reported as a warning, once per hook and plugin.

    Args:
        hooks: The plugins.
        on_warning: Called with each warning, on the thread of the notification.
    """

    def __init__(self, hooks: Hooks, on_warning: Callable[[str], None]) -> None:
        self._hooks = hooks
        self._on_warning = on_warning
        self._warnings: dict[tuple[str, str | None], str] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings so far."""
        return tuple(self._warnings.values())

    def notify(self, hook: str, **arguments: object) -> None:
        """Call a hook of every plugin."""

        def warn(error: PluginError) -> None:
            key = hook, error.where
            if key not in self._warnings:  # a plugin that fails on one frame probably fails on all
                self._warnings[key] = str(error)
                self._on_warning(self._warnings[key])

        self._hooks.notify(hook, on_error=warn, **arguments)

    @contextmanager
    def notifying_failure(self, out: str) -> Iterator[None]:
        """Notify every plugin if the body fails.

        Args:
            out: Frame pattern of the shot's mattes.
        """
        try:
            yield
        except BaseException as error:
            self.notify("stcn_shot_failed", out=out, error=_as_stcn_error(error))
            raise


def _as_stcn_error(error: BaseException) -> STCNError:
    if isinstance(error, STCNError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return CancelledError("stopped; the mattes written so far are complete")
    return UnexpectedError.of(error)
