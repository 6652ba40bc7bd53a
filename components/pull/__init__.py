"""Fetch one version of a project's data and prove that it is that version."""
