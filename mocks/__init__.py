"""Synthetic worlds: oracles, observation noise, and the service that sells their answers."""
