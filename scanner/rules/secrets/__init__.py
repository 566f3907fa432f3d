"""Rules about secrets in files."""
