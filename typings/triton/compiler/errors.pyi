class CompilationError(Exception):
    """A kernel that is not valid Triton; checked against triton 3.7.1."""
