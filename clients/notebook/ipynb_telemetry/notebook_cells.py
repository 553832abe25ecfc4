"""`from ipynb_telemetry.notebook_cells import get_telemetry_setup_cell`, as it stands in what generates notebooks.

`python -m ipynb_telemetry.notebook_cells NOTEBOOK` prints the cell.
"""

from __future__ import annotations

import sys

from learnpack_notebook_telemetry.notebook_cells import (
    TELEMETRY_PACKAGE_NAME,
    TELEMETRY_PACKAGE_SPEC,
    get_telemetry_setup_cell,
    main,
)

__all__ = ["TELEMETRY_PACKAGE_NAME", "TELEMETRY_PACKAGE_SPEC", "get_telemetry_setup_cell"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
