"""Rules about response headers: which are sent, which are lost on the way."""
