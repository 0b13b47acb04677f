"""`python -m joey`: the command line."""

from joey.cli import main

main()
