"""What the scripts share: the docker, painting, and waiting while Krita's event loop runs."""

import json
import os
import struct
import time
from pathlib import Path

from krita import Krita
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication, QDockWidget

GIVEN = json.loads(os.environ["STCN_TEST_ARGUMENTS"])


def write_results(**results):
    Path(GIVEN["results"]).write_text(json.dumps(results))


def docker():
    """The STCN docker of the window."""
    window = Krita.instance().windows()[0].qwindow()
    return next(each for each in window.findChildren(QDockWidget) if each.windowTitle() == "STCN")


def wait_until(condition, seconds=240.0):
    """Let Krita work until something is the case; returns the longest time that the event loop was busy.

    It is the time of the processor: others may use the machine.
    """
    end, longest = time.monotonic() + seconds, 0.0
    while not condition():
        assert time.monotonic() < end, "timed out"
        before = time.thread_time()
        QApplication.processEvents()
        longest = max(longest, time.thread_time() - before)
        time.sleep(0.01)
    return longest


def process_events():
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.01)


def new_document(width, height, depth="U8"):
    document = Krita.instance().createDocument(width, height, "shot", "RGBA", depth, "", 72.0)
    Krita.instance().windows()[0].addView(document)
    process_events()
    return document


def paint(document, layer, alpha):
    """Paint white pixels with an 8-bit alpha on a layer at the current frame."""
    pixels = bytearray(b"\xff" * 4 * len(alpha))
    pixels[3::4] = alpha
    layer.setPixelData(bytes(pixels), 0, 0, document.width(), document.height())
    document.refreshProjection()
    document.waitForDone()


def grey_of(file):
    """The pixels of a grey image, 8 bits."""
    image = QImage(file).convertToFormat(QImage.Format_Grayscale8)
    assert not image.isNull(), file
    rows = []
    for line in range(image.height()):
        row = image.scanLine(line)
        row.setsize(image.width())
        rows.append(bytes(row))
    return b"".join(rows)


def go_to(document, frame):
    document.setCurrentTime(frame)
    document.waitForDone()
    process_events()


def paint_half(document, layer, alpha):
    """Paint on a layer of half floats."""
    white = struct.pack("<e", 1.0) * 3
    levels = [white + struct.pack("<e", value / 255) for value in range(256)]
    layer.setPixelData(b"".join(levels[value] for value in alpha), 0, 0, document.width(), document.height())
    document.refreshProjection()
    document.waitForDone()
