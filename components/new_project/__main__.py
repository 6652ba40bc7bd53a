"""``python -m components.new_project``."""

import sys

from components.new_project.command import main

sys.exit(main(sys.argv[1:]))
