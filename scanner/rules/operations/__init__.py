"""Rules about logging, health, backups and deploy steps."""
