"""Bounds that hold unless a caller sets others."""

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are decoded, and files that claim larger ones."""
