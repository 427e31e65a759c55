"""Training, data sets and evaluation of diffusion models."""
