"""The baseline: what can be answered without looking at the row."""

import numpy as np

from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import Prediction, estimate


def baseline(truth: Truth, classes: int) -> Prediction:
    """Always the commonest class with each class's share as its probability, or (``classes`` 0) always the mean.

    Shares and mean are those of the judged rows themselves: the baseline is told more than it could know, so
    beating it is the harder test.
    """
    if classes == 0:
        return estimate(np.full(len(truth), float(np.mean(truth))), None)
    shares = np.bincount(truth, minlength=classes) / len(truth)
    common = int(shares.argmax())
    return Prediction(
        values=np.full(len(truth), shares[common]),
        labels=np.full(len(truth), common, np.int64),
        probabilities=np.tile(shares, (len(truth), 1)),
    )
