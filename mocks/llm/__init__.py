"""A mock LLM: it follows instructions, better or worse according to how good they are."""
