"""Promotion: the same bundle, by digest, from one environment to the next, never a rebuild.

An environment is a settings file, ``environments/<name>.env``. What it asks of a version stands in the project's
``promotion``; who said yes stands in the log of approvals and on the version itself.
"""
