"""Rules about the session and CSRF cookies."""
