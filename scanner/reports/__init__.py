"""The reports: one file a format, a pure function of the report document."""
