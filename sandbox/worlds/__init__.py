"""Worlds that put a task's rows to a chat model."""
