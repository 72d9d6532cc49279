"""What a mock LLM knows of the world: word lists and facts, written for this project."""
