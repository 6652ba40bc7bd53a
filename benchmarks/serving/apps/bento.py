"""A BentoML service with one worker; EVENKEEL_BENCH_MODEL names the pickled pipeline."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, http={"host": "127.0.0.1"})
class Model:
    """A pickled pipeline."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["EVENKEEL_BENCH_MODEL"])

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, rows: list[dict]) -> list[int]:  # type: ignore[type-arg]
        """Labels."""
        return self.pipeline.predict(pd.DataFrame(rows)).tolist()  # type: ignore[no-any-return]
