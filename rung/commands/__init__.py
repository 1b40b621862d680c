"""The bodies of the commands: `rung.cli` parses, these do."""
