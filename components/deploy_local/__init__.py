"""Release the certified bundle to the local server that follows this project."""
