"""`python3 -m netlib.lab.wan eth1 eth2 delay=25ms`: the command netlib-wan of a container."""

import sys

from netlib.lab.wan.program import main

sys.exit(main(sys.argv[1:]))
