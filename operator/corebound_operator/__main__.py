"""``python -m corebound_operator``: the same as ``corebound-operator``."""

from corebound_operator.wiring.main import main

main()
