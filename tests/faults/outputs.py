"""Output of processes while parts are away: an outage is a line, and a traceback would be the trace of a bug."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

#: Lines that say whose output follows.
PRESENT, FORMER = "faults: a process of the present code", "faults: a process of a former commit"
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (?P<rest>[A-Z]+ .*)$")
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^(?:\s*\|\s*)?(?P<name>[\w.]*(?:Error|Exception|Exit|Interrupt|Group|Cancelled)\w*)\b.*$")
_DIGITS = re.compile(r"[0-9a-f]{8,}(?:-[0-9a-f]+)*|\d+")


def tracebacks(output: str) -> Counter[str]:
    """Count the tracebacks of the present code by what was logged and by the last exception."""
    found: Counter[str] = Counter()
    for record in _records(output):
        if any(_TRACEBACK in line for line in record):
            errors = [match["name"] for match in map(_EXCEPTION.match, record) if match]
            first = _RECORD.match(record[0])
            said = first["rest"] if first else record[0]
            found[f"{_DIGITS.sub('N', said)[:160]} <- {errors[-1] if errors else '?'}"] += 1
    return found


def _records(output: str) -> Iterator[Sequence[str]]:
    """Yield what was logged, each with all its lines; of former code nothing."""
    record: list[str] = []
    is_former = False
    for line in output.splitlines():
        starts = line in (PRESENT, FORMER)
        if starts or _RECORD.match(line):
            if record and not is_former:
                yield record
            record = []
        if starts:
            is_former = line == FORMER
        else:
            record.append(line)
    if record and not is_former:
        yield record


def errors(output: str) -> Counter[str]:
    """Count the lines that say what was wrong."""
    found: Counter[str] = Counter()
    for line in output.splitlines():
        match = _RECORD.match(line)
        if match is not None and match["rest"].startswith(("ERROR", "CRITICAL")):
            found[_DIGITS.sub("N", match["rest"])[:110]] += 1
    return found
