"""Passes of `watch`."""
