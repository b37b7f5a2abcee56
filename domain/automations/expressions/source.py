"""The parser: from text to a syntax tree with offsets; bounds are checked before parsing."""

import re
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import Environment
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from domain.automations.expressions.errors import ExpressionError, place

#: Bytes of one expression.
SOURCE_BYTES = 4096
#: The deepest nesting of brackets, prefix operators, chains and the tree as a whole.
NESTING = 32
TOO_DEEP = f"The expression is nested deeper than {NESTING}."

# A token as the lexer yields it, but with its offset from 1 where the lexer has the line: nodes take it over as their
# line number, all that Jinja2 keeps of a place.
_Token = tuple[int, str, str]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPE = re.compile(r"\\(?:[\\'\"ntr]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|(?P<unknown>.|$))", re.DOTALL)
_OPENING = {"(", "[", "{"}
_CLOSING = {")", "]", "}"}
_WORDS_BEFORE_OPERANDS = {"and", "or", "not", "in", "is", "if", "else"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree, and the offset after its closing token."""

    tree: nodes.Expr
    end: int


def normalized(text: str) -> str:
    """Return the text with the lexer's line ends, so that its offsets are the caller's.

    Raises:
        ExpressionError: it has characters that no database and no JSON can hold.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    offset = next((at for at, character in enumerate(text) if character == "\0" or _is_surrogate(character)), None)
    if offset is not None:
        raise ExpressionError("This character is not allowed.", *place(text, offset))
    return text


def parse(environment: Environment, text: str, start: int = 0, *, in_span: bool = False) -> Parsed:
    """Return the tree of the expression from that offset to the end, or to the `}}` that closes its span.

    Raises:
        ExpressionError: the text is no expression, or goes beyond a bound.
    """
    tokens, end = _read(environment, text, start, in_span=in_span)
    try:
        _check_tokens(text, tokens)
        parser = Parser(environment, "")
        parser.stream = TokenStream(environment.lexer.wrap(tokens), None, None)
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise _error(text, parser.stream.current.lineno - 1, "The expression should end here.")
    except TemplateSyntaxError as error:
        if "end of template" in (error.message or ""):
            raise _error(text, end, "The expression is not complete.") from error
        raise _error(text, error.lineno - 1, _sentence(error)) from error
    return Parsed(tree, end)


def _read(environment: Environment, text: str, start: int, *, in_span: bool) -> tuple[list[_Token], int]:
    tokens: list[_Token] = []
    offset = start
    try:
        for _, kind, value in environment.lexer.tokeniter(text[start:], None, None, "variable"):
            if kind == "variable_end":
                return _close(text, tokens, offset, value)
            tokens.append((offset + 1, kind, value))
            offset += len(value)
            if offset - start > SOURCE_BYTES:
                break
    except TemplateSyntaxError as error:
        raise _error(text, offset, _sentence(error)) from error
    _check_size(text, start, offset)
    if in_span:
        raise _error(text, start - 2, "This {{ is never closed.")
    return _close(text, tokens, offset, "")


def _close(text: str, tokens: list[_Token], offset: int, closing: str) -> tuple[list[_Token], int]:
    if closing and closing != "}}":
        raise _error(text, offset, "Whitespace control is not supported; write }}.")
    if all(kind == "whitespace" for _, kind, _ in tokens):
        raise _error(text, offset, "The expression is empty.")
    _check_size(text, tokens[0][0] - 1, offset)
    return tokens, offset + len(closing)


def _check_size(text: str, start: int, end: int) -> None:
    if len(text[start:end].encode()) > SOURCE_BYTES:
        raise _error(text, start, f"The expression is longer than {SOURCE_BYTES} bytes.")


def _check_tokens(text: str, tokens: list[_Token]) -> None:
    brackets = prefixes = 0
    after_operand = False
    for position, kind, value in tokens:
        if kind == "whitespace":
            continue
        _check_token(text, position - 1, kind, value)
        brackets += (value in _OPENING) - (value in _CLOSING) if kind == "operator" else 0
        # Each of these is one more recursion of the parser.
        prefixes += value in {"not", "if"} if kind == "name" else value in {"-", "+"} and not after_operand
        if max(brackets, prefixes) > NESTING:
            raise _error(text, position - 1, TOO_DEEP)
        after_operand = value in _CLOSING if kind == "operator" else value not in _WORDS_BEFORE_OPERANDS


def _check_token(text: str, offset: int, kind: str, value: str) -> None:
    if kind == "name" and not _NAME.fullmatch(value):
        raise _error(text, offset, "A name has only letters a to z, digits and underscores.")
    if kind in {"integer", "float"} and not value.isascii():
        raise _error(text, offset, "A number has only the digits 0 to 9.")
    if kind == "string":
        for escape in _ESCAPE.finditer(value, 1, len(value) - 1):
            if escape["unknown"] is not None:
                raise _error(text, offset + escape.start(), r"This escape is unknown; a backslash is written \\.")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _sentence(error: TemplateSyntaxError) -> str:
    # The lexer's offsets are in a text of its own, so only its message is used.
    message = re.sub(r" at \d+$", "", error.message or "this is not an expression")
    return message[0].upper() + message[1:] + ("" if message.endswith(".") else ".")


def _error(text: str, offset: int, message: str) -> ExpressionError:
    return ExpressionError(message, *place(text, offset))
