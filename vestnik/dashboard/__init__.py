"""The dashboard: the operators' web pages."""
