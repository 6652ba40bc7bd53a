"""Which versions work together: the one table, of what was run or, where it says so, read."""

PACKAGES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "kfp": ((2, 17), (2, 18)),
    "mlflow": ((3, 17), (4,)),
    "dvc": ((3, 60), (4,)),
    "evidently": ((0, 7, 23), (0, 8)),
    "scikit-learn": ((1, 9), (1, 10)),
    "onnxruntime": ((1, 23), (2,)),
    "pyarrow": ((20,), (26,)),
}
"""Package -> at least, below."""

SERVERS: dict[str, tuple[int, ...]] = {
    "mlflow": (3, 0),
    "kubeflow pipelines": (2, 3),
    "prometheus": (2, 40),
    "alertmanager": (0, 22),
    "kubernetes": (1, 29),
}
"""Server -> at least. Older ones lack an API that is called."""
