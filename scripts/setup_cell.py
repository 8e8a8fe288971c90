# Find (or, on Colab, install) the course; set the seed, device and figure style.
import importlib.util
import math
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""
clone = [p for p in ("..", ".") if Path(p, "gancourse/__init__.py").is_file()]
if clone:  # the clone that this notebook stands in, before an installed copy
    sys.path.insert(0, str(Path(clone[0]).resolve()))
elif importlib.util.find_spec("gancourse") is None:
    if not REPOSITORY:
        raise ModuleNotFoundError("gancourse: run this in the book/ folder of a clone")
    pip = [sys.executable, "-m", "pip", "install", "-q", f"git+{REPOSITORY}"]
    subprocess.run(pip, check=True)
import matplotlib.pyplot as plt
import numpy as np
import torch
from gancourse import plots
from gancourse.exercises import check

torch.set_num_threads(1), torch.manual_seed(0), plots.use_style()
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
