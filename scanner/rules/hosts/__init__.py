"""Rules about host names: which are believed, which are answered."""
