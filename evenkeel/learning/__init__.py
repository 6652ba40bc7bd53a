"""The scikit-learn side: estimators by import path, cross-fitting, and pipelines on disk. Only training imports it,
and the predictor of a bundle that ONNX cannot hold.
"""
