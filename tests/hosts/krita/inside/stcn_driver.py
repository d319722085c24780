"""A plugin that runs the script of a test when Krita's window is there, and then ends Krita."""

import os
import runpy
import sys
import traceback

from krita import Extension, Krita
from PyQt5.QtCore import QTimer


class Driver(Extension):
    def setup(self):
        pass

    def createActions(self, _window):
        QTimer.singleShot(500, run)


def run():
    try:
        runpy.run_path(os.environ["STCN_TEST_SCRIPT"], run_name="__main__")
    except BaseException:  # noqa: BLE001 - shown by the test
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


Krita.instance().addExtension(Driver(Krita.instance()))
