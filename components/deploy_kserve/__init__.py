"""Roll the certified bundle out on KServe, by the steps of the project."""
