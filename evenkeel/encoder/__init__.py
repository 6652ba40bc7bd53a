"""From columns to the float64 matrix an estimator sees: the same numpy code in training and in the server.

See docs/decisions/0002-one-encoder.md for why.
"""

from evenkeel.encoder.encoder import Encoder
from evenkeel.encoder.fit import fit_encoder

__all__ = ["Encoder", "fit_encoder"]
