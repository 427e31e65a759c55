"""A program that imports the data sets, and fails if torchvision is imported with them: that takes seconds."""

import sys

import train.datasets
import train.evaluation.classifier  # noqa: F401

sys.exit("torchvision" in sys.modules)
