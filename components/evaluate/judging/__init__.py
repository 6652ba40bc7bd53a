"""The gates' verdicts: evidence in, checks out; nothing is measured here."""
