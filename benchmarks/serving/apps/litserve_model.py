"""LitServe as its first page shows it. ``litserve_model.py MODEL PORT``."""

import sys
from typing import Any

import joblib
import litserve
import pandas as pd


class Pipeline(litserve.LitAPI):  # type: ignore[misc]  # litserve is not installed here
    """A pickled pipeline."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Unpickle, in the worker."""
        self.pipeline = joblib.load(sys.argv[1])

    def predict(self, rows: list[dict[str, Any]]) -> Any:
        """Labels."""
        return {"predictions": self.pipeline.predict(pd.DataFrame(rows)).tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Pipeline(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False)
