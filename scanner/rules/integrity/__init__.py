"""Rules about configurations that do not do what they say."""
