"""The governor: decides whether an alarm becomes a retraining, starts it, and remembers both."""
