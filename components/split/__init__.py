"""Divides the rows into training and frozen evaluation rows, and looks for leaks between them and from the target."""
