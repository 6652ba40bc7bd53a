"""A project's contract as a Great Expectations suite, and both engines' verdicts side by side. No box: a tool."""
