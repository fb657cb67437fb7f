"""`python -m saladkit`."""

from saladkit.cli import main

main(prog_name="saladkit")
