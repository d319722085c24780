"""Telling plugins what happens, without letting one of them harm the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.errors import CancelledError, PluginError, STCNError, UnexpectedError


@final
class Notifier:
    """Calls the hooks that only tell. What fails in one is a warning, once per hook and plugin.

    Args:
        hooks: The plugins.
        on_warning: Told a warning, on the thread that told the plugins.
    """

    def __init__(self, hooks: Hooks, on_warning: Callable[[str], None]) -> None:
        self._hooks = hooks
        self._on_warning = on_warning
        self._warnings: dict[tuple[str, str | None], str] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings so far."""
        return tuple(self._warnings.values())

    def tell(self, hook: str, **arguments: object) -> None:
        """Tell every plugin."""

        def warn(error: PluginError) -> None:
            key = hook, error.where
            if key not in self._warnings:  # a plugin that fails on one frame would fail on a thousand
                self._warnings[key] = str(error)
                self._on_warning(self._warnings[key])

        self._hooks.notify(hook, on_error=warn, **arguments)

    @contextmanager
    def telling_failure(self, out: str) -> Iterator[None]:
        """Tell every plugin when what runs inside fails.

        Args:
            out: Frame pattern of the shot's mattes.
        """
        try:
            yield
        except BaseException as error:
            self.tell("stcn_shot_failed", out=out, error=_told(error))
            raise


def _told(error: BaseException) -> STCNError:
    if isinstance(error, STCNError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return CancelledError("stopped; the mattes written so far are complete")
    return UnexpectedError.of(error)
