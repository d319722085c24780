"""The command line, as ``stcn`` and as ``python -m stcn_plugin``."""

from __future__ import annotations


def main() -> None:
    """Run the command line. Ctrl-C ends it without a traceback even while it is being imported."""
    try:
        from stcn_plugin.cli import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
