"""The examination of a schema's revision against this program's."""

from domain.operating.examining.results import Result, ok, problem
from domain.persistence.migrate import can_use, head_revision, knows_revision


def examined_revision(revision: str | None, compatible_since: str | None) -> Result:
    """Return whether this program works on a schema, now or after the next start."""
    if revision is None:
        return ok("schema", "none yet: the first start makes it.")
    if revision == head_revision():
        return ok("schema", f"{revision}, this program's.")
    if knows_revision(revision):
        return ok("schema", f"{revision}: the next start brings it to {head_revision()}.")
    if can_use(revision, compatible_since):
        return ok("schema", f"{revision}: newer, and this program can use it.")
    return problem("schema", f"{revision} is newer than this program can use.", "Update incidentql.")
