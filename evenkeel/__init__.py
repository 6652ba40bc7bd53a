"""Evenkeel's core: what two or more rooms need. It imports no kfp and starts no server."""

__version__ = "0.1.0"
