"""The command line: options declared once, as fields of a dataclass (`declared`); what they say (`parse`); commands
that are made of such a dataclass and loaded when they run (`command`)."""
