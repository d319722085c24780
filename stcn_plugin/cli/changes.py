"""The files that an install or uninstall touched, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stcn_plugin.install.changes import Changes


def show_changes(changes: Changes, *, dry_run: bool) -> None:
    """List what was written, removed and kept.

    Args:
        changes: What happened, or would happen.
        dry_run: Whether it only would.
    """
    written, removed = ("would write", "would remove") if dry_run else ("wrote", "removed")
    for verb, paths in ((written, changes.written), (removed, changes.removed), ("kept", changes.kept)):
        for path in paths:
            click.echo(f"{verb} {path}")
