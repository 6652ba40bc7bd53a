"""The table of servers: what is installed for each, how it starts, how it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SCIKIT = ("scikit-learn==1.9.1", "pandas==2.3.3", "joblib==1.6.0", "numpy==2.4.6")
"""What has to be the same for all who load the pickled pipeline."""


@dataclass(frozen=True)
class Peer:
    """One server in one configuration, one worker each. ``{}`` in commands and files: see run.py."""

    command: tuple[str, ...]
    path: str
    """Where predictions are asked for."""
    protocol: str
    live: str
    """Its own health page, which a kubelet would ask."""
    environment: str | None = None
    """Name of its environment; None: the one that runs the benchmark."""
    packages: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    """Run once in its environment before it can start."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Written to the folder it runs in."""
    workloads: tuple[str, ...] = ("tabular", "text")


_OURS = ("{python}", "-m", "serving", "--bundle", "{bundle}", "--port", "{port}", "--ledger", "{folder}/ledger")
_EVENKEEL = (*_OURS, "--allow-uncertified", "--drain", "0")

_MLSERVER = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0", *SCIKIT)  # its workers need an old uvloop
_MLSERVER_MODEL = (
    '{{"name": "model", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {{"uri": "{model}"}}%s}}'
)
_MLSERVER_SETTINGS = (
    '{{"host": "127.0.0.1", "http_port": {port}, "grpc_port": {port2}, "metrics_port": {port3}, "debug": false,'
    ' "parallel_workers": %d}}'
)

PEERS: Mapping[str, Peer] = {
    "evenkeel": Peer(_EVENKEEL, "/predict", "rows", "/readyz"),
    "evenkeel-v2": Peer(_EVENKEEL, "/v2/models/benchmark/infer", "v2", "/v2/health/ready"),
    "bare": Peer(
        command=("{python}", "{apps}/bare.py", "{bundle}", "{port}"),
        path="/predict",
        protocol="rows",
        live="/",
        environment="bare",
        packages=("uvicorn==0.54.0", "httptools==0.9.0", "orjson==3.13.0", "onnxruntime==1.31.1", "numpy==2.4.6"),
        workloads=("tabular",),
    ),
    "fastapi": Peer(
        command=("{python}", "{apps}/tutorial.py", "{model}", "{port}"),
        path="/predict",
        protocol="list",
        live="/health",
        environment="fastapi",
        packages=("fastapi==0.165.0", "uvicorn[standard]==0.54.0", *SCIKIT),
    ),
    "kserve": Peer(
        command=("{python}", "{apps}/kserve_model.py", "{model}", "{port}", "{port2}"),
        path="/v2/models/model/infer",
        protocol="v2-frame",
        live="/v2/health/ready",
        environment="kserve",
        packages=("kserve==0.21.0", *SCIKIT),
    ),
    "mlserver": Peer(
        command=("{bin}/mlserver", "start", "{folder}"),
        path="/v2/models/model/infer",
        protocol="v2-frame",
        live="/v2/health/ready",
        environment="mlserver",
        packages=_MLSERVER,
        files={"model-settings.json": _MLSERVER_MODEL % "", "settings.json": _MLSERVER_SETTINGS % 1},
    ),
    "mlserver-batched": Peer(
        command=("{bin}/mlserver", "start", "{folder}"),
        path="/v2/models/model/infer",
        protocol="v2-frame",
        live="/v2/health/ready",
        environment="mlserver",
        packages=_MLSERVER,
        files={
            "model-settings.json": _MLSERVER_MODEL % ', "max_batch_size": 64, "max_batch_time": 0.005',
            "settings.json": _MLSERVER_SETTINGS % 0,
        },
    ),
    "bentoml": Peer(
        command=("{bin}/bentoml", "serve", "bento:Model", "--host", "127.0.0.1", "--port", "{port}"),
        path="/predict",
        protocol="bento",
        live="/readyz",
        environment="bentoml",
        packages=("bentoml==1.4.39", *SCIKIT),
    ),
    "litserve": Peer(
        command=("{python}", "{apps}/litserve_model.py", "{model}", "{port}"),
        path="/predict",
        protocol="list",
        live="/health",
        environment="litserve",
        packages=("litserve==0.2.19", *SCIKIT),
    ),
    "mlflow": Peer(
        command=(
            *("{bin}/mlflow", "models", "serve", "--model-uri", "{folder}/mlflow", "--env-manager", "local"),
            *("--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
        ),
        path="/invocations",
        protocol="mlflow",
        live="/ping",
        environment="mlflow",
        packages=("mlflow==3.17.2", *SCIKIT),
        prepare=("{python}", "{apps}/mlflow_model.py", "{model}", "{folder}/mlflow"),
    ),
}
