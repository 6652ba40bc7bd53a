"""What is learnt about a candidate by asking it more than the evaluation rows."""
