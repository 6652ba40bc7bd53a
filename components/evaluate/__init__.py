"""evaluate: judge a candidate on the frozen rows, beside champion and baseline, and write the gate certificate."""
