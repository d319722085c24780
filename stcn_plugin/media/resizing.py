"""Pictures at another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow


def resized(channel: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return one channel at another size.

    Smaller, every pixel is the average of all that it covers, by a triangle: no aliasing, and none of the ringing that
    a sharper filter leaves beside a highlight. Pillow's is a third of the time of OpenImageIO's at equal results.

    Args:
        channel: ``(H, W)`` float32.
        size: Height and width wanted.

    Returns:
        ``(h, w)`` float32; the same array where the size is the same.
    """
    if channel.shape == size:
        return channel
    height, width = size
    picture = Pillow.fromarray(np.ascontiguousarray(channel))
    return np.asarray(picture.resize((width, height), Pillow.Resampling.BILINEAR), dtype=np.float32)
