"""The service as a whole: what the operator turns off, and what is told to everybody."""
