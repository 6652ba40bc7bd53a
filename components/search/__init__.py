"""Cross-validate candidates' parameters inside the training rows; one worker's share of the trials."""
