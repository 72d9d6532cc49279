"""Where matches are played: in this process, or on all cores."""
