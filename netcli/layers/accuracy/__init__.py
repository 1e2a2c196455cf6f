"""How often the predictions are right."""
