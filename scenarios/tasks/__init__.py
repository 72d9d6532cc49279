"""The tasks of the papers, generated here or read from the published files."""
