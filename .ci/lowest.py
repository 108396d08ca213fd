"""Print the lowest version of each requirement that pyproject.toml declares, for pip, a line each.

The first argument is the project's folder, the others the extras to include.
"""

import re
import sys
import tomllib
from pathlib import Path

with (Path(sys.argv[1]) / "pyproject.toml").open("rb") as file:
    project = tomllib.load(file)["project"]
declared = [*project["dependencies"]]
for extra in sys.argv[2:]:
    declared += project["optional-dependencies"][extra]
for requirement in declared:
    bound = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
    if bound is None:
        sys.exit(f"{requirement}: expected NAME>=VERSION, so that the lowest version is known")
    print(f"{bound[1]}=={bound[2]}")
