"""Findings in the forms that people and other programs read: one module a form."""
