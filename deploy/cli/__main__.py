"""`python -m deploy.cli`: what the supervisor runs, whatever the PATH."""

from deploy.cli import main

main()
