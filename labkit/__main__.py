"""`python -m labkit`: the command line, where the program `labkit` is not on the path."""

import sys

from labkit.cli import main

sys.exit(main())
