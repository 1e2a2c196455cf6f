"""What a run tells: listeners of the solver's events, tables, the run folder. Nothing here computes."""
