"""How long the tests wait for a job."""

PATIENCE = 150
"""Seconds after which a job that should have ended long ago is given up."""
