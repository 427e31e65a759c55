"""The app with the models of a folder in the place of the bundled ones: app_with_models.py FOLDER [OPTIONS]."""

import sys
from pathlib import Path

from diffusion.io import hub

hub.BUNDLED = Path(sys.argv.pop(1)).resolve()
import app  # noqa: E402

app.main()
