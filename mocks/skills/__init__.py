"""The library of skills."""
