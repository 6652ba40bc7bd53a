"""Fit the best trial on all training rows, prove its portable form, and seal the bundle."""
