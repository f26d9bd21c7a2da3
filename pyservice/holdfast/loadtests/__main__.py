"""`python -m holdfast.loadtests PROFILE`."""

import sys

from holdfast.loadtests.command import main

sys.exit(main())
