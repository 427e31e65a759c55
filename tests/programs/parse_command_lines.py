"""Whether parsing the command lines of app.py and train.run has imported torch."""

import sys

import app  # noqa: F401  (its own command line is parsed in it)
import train.run

train.run.parser()
print("torch" in sys.modules)
