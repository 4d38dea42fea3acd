"""Entry of ``scripts/simulate``: see the module ``proof.simulate``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from proof.simulate import main

if __name__ == "__main__":
    sys.exit(main())
