"""Optimisation: Muon, and the average of the weights."""
