"""What a job says of the licence of its weights: in a warning, and in the metadata of every matte."""

from __future__ import annotations

from collections.abc import Mapping

from stcn_plugin.bridge.job import WeightsUsed
from stcn_plugin.weights.store import STARTER_FREE


def licence_warning(weights: WeightsUsed) -> str | None:
    """Return the warning for weights that may not be used in commercial work, ``None`` for others.

    Args:
        weights: The weights of the job.
    """
    if not weights.is_noncommercial:
        return None
    return (
        f"the weights '{weights.name}' are for non-commercial work only (licence: {weights.licence}); for commercial "
        f"work choose others, such as {STARTER_FREE}"
    )


def weights_metadata(weights: WeightsUsed) -> Mapping[str, str]:
    """Return the metadata of mattes; formats that keep no attributes of other names keep the description.

    Args:
        weights: The weights of the job.
    """
    return {
        "stcn/weights": weights.name,
        "stcn/weightsSha256": weights.sha256,
        "stcn/weightsLicense": weights.licence,
        "ImageDescription": f"Matte by stcn_plugin with the weights {weights.text}",
    }
