"""How large an operation may be."""

#: Tokens of one document: ten times the largest that a front end of ours sends.
MAX_TOKENS = 2_000
