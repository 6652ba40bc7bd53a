"""Each folder is one box in the Kubeflow UI; ``python -m components <stage>`` runs one by hand."""
