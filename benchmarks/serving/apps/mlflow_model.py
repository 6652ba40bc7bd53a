"""The pickled pipeline as an MLflow model. ``mlflow_model.py MODEL FOLDER``."""

import sys

import joblib
import mlflow.sklearn

mlflow.sklearn.save_model(
    joblib.load(sys.argv[1]),
    sys.argv[2],
    serialization_format="cloudpickle",
    pip_requirements=["scikit-learn"],
    pyfunc_predict_fn="predict",
)
