"""From a data file to a project: infers ``conf/<name>.yaml``, says why, and puts the data under DVC."""
