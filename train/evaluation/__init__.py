"""Evaluation of trained models: everything behind ``python -m train.evaluate``."""
