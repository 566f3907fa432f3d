"""Rules about the files that a server gives away."""
