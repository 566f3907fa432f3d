"""Rules about the processes on the host."""
