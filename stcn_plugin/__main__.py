"""``python -m stcn_plugin`` is the command line."""

from stcn_plugin.cli import main

if __name__ == "__main__":
    main()
