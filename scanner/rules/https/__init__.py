"""Rules about redirects to https, TLS and HSTS."""
