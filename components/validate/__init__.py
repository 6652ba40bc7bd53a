"""Holds the data against the project's contract: typed rows go on, a report says what is wrong and where."""
