"""KServe's Python server as its sklearnserver uses it. ``kserve_model.py MODEL PORT GRPC``."""

import sys
from typing import Any

import joblib
from kserve import Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response


class SklearnModel(Model):  # type: ignore[misc]  # kserve is not typed
    """A pickled pipeline."""

    def load(self) -> bool:
        """Unpickle."""
        self.pipeline = joblib.load(sys.argv[1])
        self.ready = True
        return self.ready

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """Labels."""
        return get_predict_response(payload, self.pipeline.predict(get_predict_input(payload)), self.name)


if __name__ == "__main__":
    model = SklearnModel("model")
    model.load()
    ModelServer(http_port=int(sys.argv[2]), grpc_port=int(sys.argv[3]), workers=1, access_log_format=None).start(
        [model]
    )
