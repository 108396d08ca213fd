"""What a source imports from its own folder is read off its text, and not run."""

import pytest

from clew.scenarios.code.imports import reached

FILES = {
    "helper.py": "",
    "lazy.py": "",
    "pkg/__init__.py": "from .sub import V",
    "pkg/sub.py": "from . import aside\nfrom .deep.er import low",
    "pkg/aside.py": "import no_such",
    "pkg/deep/__init__.py": "",
    "pkg/deep/er/__init__.py": "",
    "pkg/deep/er/low.py": "from ...far import away",
    "pkg/far.py": "",
    "star/__init__.py": "__all__ = ['one']\n__all__ += ['two']\n",
    "star/one.py": "",
    "star/two.py": "",
    "star/three.py": "",
    "bare/inner/leaf.py": "",
    "main/__init__.py": "",
    "main/__main__.py": "import helper",
    "both.py": "raise",
    "both/__init__.py": "",
    "time.py": "",
    "old.pyc": "",
}

OF_PKG = [
    "pkg/__init__.py", "pkg/aside.py", "pkg/deep/__init__.py", "pkg/deep/er/__init__.py",
    "pkg/deep/er/low.py", "pkg/far.py", "pkg/sub.py",
]  # fmt: skip

MAIN = ["main/__init__.py"]

CASES = {
    # what the source says: what it reaches
    "import helper": ["helper.py"],
    "import pkg": OF_PKG,
    "from pkg import V": OF_PKG,
    "import pkg.deep.er.low": OF_PKG,
    "from . import helper": ["helper.py"],
    "from .helper import x": ["helper.py"],
    "def late():\n    try:\n        import helper\n    except ImportError:\n        import lazy": [
        "helper.py",
        "lazy.py",
    ],
    "from star import *": ["star/__init__.py", "star/one.py", "star/two.py"],
    "import star": ["star/__init__.py"],
    "import bare.inner.leaf": ["bare/inner/leaf.py"],
    "from bare.inner import leaf": ["bare/inner/leaf.py"],
    "from bare import inner": [],
    "import importlib\nimportlib.import_module('helper')": ["helper.py"],
    "from importlib import import_module\nimport_module(name='pkg.far')": OF_PKG,
    "import_module('.one', 'star')": ["star/__init__.py", "star/one.py"],
    "import_module('.helper', __package__)": ["helper.py"],
    "import_module('../helper')": [],
    "__import__('helper')": ["helper.py"],
    "__import__('star', fromlist=['three'])": ["star/__init__.py", "star/three.py"],
    "__import__('one', level=1)": [],
    "__import__(name, level=1)": [],
    "__import__('', globals(), locals(), ['helper'], 1)": ["helper.py"],
    "import main": MAIN,
    "import runpy\nrunpy.run_module('main')": ["helper.py", *MAIN, "main/__main__.py"],
    "import main.__main__": ["helper.py", *MAIN, "main/__main__.py"],
    "import both": ["both/__init__.py"],
    "import time, os, no_such.module": [],
    "import old": ["old.pyc"],
    "if TYPE_CHECKING:\n    import helper\nelse:\n    import lazy": ["lazy.py"],
    "if __name__ == '__main__':\n    import helper": [],
    "not Python": [],
}


@pytest.mark.parametrize("text", CASES)
def test_what_a_source_reaches(tmp_path, text):
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    node = tmp_path / "node.py"
    node.write_text(text)
    found = reached([node], tmp_path)
    assert found[0] == node
    assert sorted(each.relative_to(tmp_path).as_posix() for each in found[1:]) == CASES[text]
