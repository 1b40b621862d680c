"""Objects ahead of time: machine code, headers and a runtime for programs without Python."""
