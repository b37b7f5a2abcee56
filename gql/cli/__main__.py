"""Runs the command line by `python -m gql.cli`."""

from gql.cli.commands import main

main()
