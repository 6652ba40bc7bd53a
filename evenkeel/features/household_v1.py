"""What a household has for each of its members: of ``income`` and ``family_size``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def derive(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """``income_per_head``, in the income's unit; NaN where either is missing or nobody is at home."""
    return {"income_per_head": columns["income"] / columns["family_size"]}
