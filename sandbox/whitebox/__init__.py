"""A white-box model: a Hugging Face causal LM that decodes soft prompts and shows its hidden states.

`lending` is what a scenario says of it, `lent` what an agent holds, `model` the model itself.
"""
