"""What is known of a project: one source, one frozen dataclass."""
