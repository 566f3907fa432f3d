"""The rules: one file a rule, in one folder a topic."""
