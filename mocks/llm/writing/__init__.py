"""The mock model as a writer: skills put into words, and texts varied, joined and spoilt."""
