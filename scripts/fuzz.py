"""Entry of ``scripts/fuzz``: see the package ``proof.fuzz``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from proof.fuzz.main import main

if __name__ == "__main__":
    sys.exit(main())
