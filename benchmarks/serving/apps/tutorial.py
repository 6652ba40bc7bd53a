"""The app of a tutorial: pydantic rows, a data frame, predict. ``tutorial.py MODEL PORT``."""

import sys
from typing import Any

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import create_model

pipeline = joblib.load(sys.argv[1])
numbers = [name for name in pipeline.feature_names_in_ if name.startswith("number")]
fields: dict[str, Any] = {name: (float if name in numbers else str, ...) for name in pipeline.feature_names_in_}
Row = create_model("Row", **fields)
app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    """Alive."""
    return {"status": "ok"}


@app.post("/predict")
def predict(rows: list[Row]) -> dict[str, list[int]]:
    """Labels."""
    frame = pd.DataFrame([row.model_dump() for row in rows])
    return {"predictions": pipeline.predict(frame).tolist()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
