"""Losses as pure functions, apart from the modules that they train."""
