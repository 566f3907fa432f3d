"""Where the scanned project's code runs. Only this package speaks to Docker or starts processes of the project."""
