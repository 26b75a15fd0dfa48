"""How each tool connects to this very service: its own steps, with the real address, to be copied."""
