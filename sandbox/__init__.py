"""A wind tunnel for prompt optimizers: agents question a black box under a hard budget."""
