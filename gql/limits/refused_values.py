"""Refused values of a request as clients see them: the message in terms of JSON, and the path of the field."""

import re

from graphql import GraphQLError, ObjectFieldNode, Token, TokenKind, ValueNode

_VARIABLE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ((?:\.\w+|\[\d+\])+))?: ")
_MEMBER = re.compile(
    r"(?:Variable '\$\w+' has invalid value[^:]*: )?"
    r"Expected value of type '\w+' (?:to include required|not to include unknown) field '(\w+)'"
)
#: The objects that messages repeat, as Python spells them; the field says which part of it is meant.
_OBJECT = re.compile(r"(?:, found|(\?) Found): \{.*", re.DOTALL)
#: The other parts that quote a refused value or a part of the document.
_QUOTED = re.compile(r"(?:[,;] found\b|(cannot represent .*? value): ).*", re.DOTALL)
_NONE = re.compile(r"not to be None\.$")
_OPENING = {TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L}
_CLOSING = {TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R}
#: How far a literal's path is read back: a document may have hundreds of refused ones, each behind all others.
_MOST_TOKENS = 500


def readable(message: str, *, secret: bool) -> str:
    """Return graphql-core's message without the objects that it repeats; of a secret, without any value."""
    shown = _OBJECT.sub(lambda found: found[1] or ".", message)
    shown = _NONE.sub("not to be null.", shown)
    return _QUOTED.sub(r"\1", shown) if secret else shown


def place_of(error: GraphQLError) -> list[str] | None:
    """Return the path of a refused value: within its variable or argument, or their name where it is all of it."""
    of_variable = _VARIABLE.match(error.message)
    member = _MEMBER.match(error.message)
    inner = [member[1]] if member is not None else []
    if of_variable is not None:
        return [*re.findall(r"\w+", of_variable[2] or ""), *inner] or [of_variable[1]]
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, ValueNode | ObjectFieldNode) or node.loc is None:
        return None
    inner = [node.name.value] if isinstance(node, ObjectFieldNode) else inner
    outer = _names_before(node.loc.start_token, named=isinstance(node, ObjectFieldNode))
    # The outermost is the argument.
    return [*outer[1:], *inner] or outer or None


def _names_before(token: Token | None, *, named: bool) -> list[str]:
    """Return the names of the argument and of the input fields around a token, itself named or not."""
    names: list[str] = []
    closed = 0
    for _ in range(_MOST_TOKENS):
        token = token.prev if token is not None else None
        if token is None or (token.kind is TokenKind.PAREN_L and not closed):
            break
        if token.kind in _CLOSING:
            closed += 1
        elif token.kind in _OPENING:
            closed, named = (closed - 1, named) if closed else (0, False)
        elif token.kind is TokenKind.COLON and not closed and not named and token.prev is not None:
            names.insert(0, token.prev.value or "")
            named = True
    return names
