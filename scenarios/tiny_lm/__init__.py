"""How the bundled tiny language model is made, and what it is worth: its texts, its training, its card."""
