"""The same as `labkit notebooks refresh --yes`, of all notebooks or those named."""

import sys

from labkit.cli import main

sys.exit(main(["notebooks", "refresh", "--yes", *(sys.argv[1:] or ["notebooks"])]))
