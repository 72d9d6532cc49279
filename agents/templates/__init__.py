"""What the optimizers say to the model that writes for them, in our own words, one family a module."""
