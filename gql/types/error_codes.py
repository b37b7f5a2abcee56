"""The codes of refused mutations."""

from enum import Enum

from gql.types.enums import described


class ErrorCode(Enum):
    """The reason why a mutation was refused."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    DUPLICATE = "DUPLICATE"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    UNKNOWN_SYSTEM = "UNKNOWN_SYSTEM"
    UNKNOWN_PERSON = "UNKNOWN_PERSON"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    NOT_SENT = "NOT_SENT"
    UNSUPPORTED = "UNSUPPORTED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    INTERNAL = "INTERNAL"


described(
    ErrorCode,
    name="ErrorCode",
    description="The reason why a mutation was refused.",
    values={
        ErrorCode.BAD_USER_INPUT: "A value can never be accepted.",
        ErrorCode.NOT_FOUND: "The object does not exist, or the caller may not see it.",
        ErrorCode.CONFLICT: "It contradicts an earlier request.",
        ErrorCode.VERSION_CONFLICT: "The object changed since the caller read it; the payload has it as it is now.",
        ErrorCode.DUPLICATE: "A value that has to be unique is taken.",
        ErrorCode.ALREADY_EXISTS: "A key names another object already.",
        ErrorCode.UNKNOWN_SYSTEM: "A system is not in the catalog.",
        ErrorCode.UNKNOWN_PERSON: "A person is not known here.",
        ErrorCode.ADDRESS_REFUSED: "An address leads to an internal server, which must not be called.",
        ErrorCode.NOT_SENT: "A service did not take a message, or no answer came: it may have been sent.",
        ErrorCode.UNSUPPORTED: "This server cannot do it.",
        ErrorCode.UNAUTHENTICATED: "The caller needs a valid token.",
        ErrorCode.FORBIDDEN: "The caller may not do this.",
        ErrorCode.UNAVAILABLE: (
            "The database is unavailable, locked or full for now. Retry later with the same `idempotencyKey`, because "
            "a connection may be lost during the commit."
        ),
        ErrorCode.TIMEOUT: (
            "The operation took too long. The message says whether this mutation had begun; if so, it may still be "
            "committed."
        ),
        ErrorCode.INTERNAL: "A bug of the server; the message has the request id of the log's entry.",
    },
)
