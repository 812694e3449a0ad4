"""``python -m corebound``: the command line where no script of it is on the path, as in a pod."""

from corebound.cli.main import main

main()
