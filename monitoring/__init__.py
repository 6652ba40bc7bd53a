"""Watch, tell, ask for a new model."""
