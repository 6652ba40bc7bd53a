"""Roll the certified bundle out on plain Kubernetes, by the steps of the project."""
