"""A store as one HTML file to look at: it needs no server, loads nothing, and runs only its own script."""
