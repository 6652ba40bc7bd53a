"""How boxes are wired: the only room that knows their order."""
