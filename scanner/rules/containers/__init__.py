"""Rules about images and compose services."""
