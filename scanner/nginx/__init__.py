"""nginx configuration files: tokens, trees with their includes in place, and what is effective where."""
