"""One predictor, several faces: REST, Open Inference V2, KServe V1."""
