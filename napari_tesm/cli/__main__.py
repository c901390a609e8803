"""``python -m napari_tesm.cli``."""

import sys

from napari_tesm.cli.entry import main

sys.exit(main())
