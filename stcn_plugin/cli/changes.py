"""The files that an install or uninstall touched, one a line, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stcn_plugin.cli.terminal import echo, echo_document

if TYPE_CHECKING:
    from stcn_plugin.install.folder import Changes


def show_changes(changes: Changes, *, dry_run: bool, done: str, nothing: str) -> None:
    """List what was written, removed and kept, then say what came of it.

    Args:
        changes: What happened, or would happen.
        dry_run: Whether it only would.
        done: What to say where it happened.
        nothing: What to say where there was nothing to do.
    """
    written, removed = ("would write", "would remove") if dry_run else ("wrote", "removed")
    for verb, paths in ((written, changes.written), (removed, changes.removed), ("kept", changes.kept)):
        for path in paths:
            echo(f"{verb} {path}")
    if not changes:
        echo_document(nothing)
    elif not dry_run:
        echo_document(done)
