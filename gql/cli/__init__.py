"""The command line."""

from gql.cli.commands import main

__all__ = ["main"]
