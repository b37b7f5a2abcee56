"""Calls of the library that runs workflows, in threads of ours; by its public names wherever it has one.

Its async methods would set its thread pool as our event loop's default executor, and shut it down at the end.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from dbos import DBOS
from dbos._core import execute_dequeued_workflow  # nothing public runs what a claim returned

logger = logging.getLogger(__name__)

#: Increment it when the steps of runs change their order; older runs finish on processes of their version.
ENGINE_VERSION = "1"
QUEUE = "automations"
_SLOT_PREFIX = "slot-"
#: The most workflows that one statement resumes or deletes.
_CHUNK = 500


def owner_of(slot: int) -> str:
    """Return the name under which the process that holds this slot runs workflows."""
    return f"{_SLOT_PREFIX}{slot}"


def start_enqueued(library: DBOS) -> None:
    """Claim and start what is enqueued, as the library's poll does it every so often."""
    queue = DBOS.retrieve_queue(QUEUE)
    if queue is None:
        return
    claim = str(uuid4())
    database = library._sys_db  # noqa: SLF001 - nothing public claims at once, ahead of its poll
    claimed, _ = database.start_queued_workflows(
        queue, DBOS.executor_id, DBOS.application_version, None, owner_xid=claim
    )
    for status in database.get_workflow_statuses(claimed):
        try:
            execute_dequeued_workflow(library, status, claim)
        except Exception:
            # As in the library: one failure must not stop the others, and the next start of the process retries it.
            logger.exception("%s could not be started", status["workflow_uuid"])


def slot_under_way(slots: Sequence[int]) -> int | None:
    """Return one of these slots whose owner has begun workflows and not ended them; None where there is none."""
    found = DBOS.list_workflows(
        status="PENDING",
        executor_id=[owner_of(slot) for slot in slots],
        app_version=ENGINE_VERSION,
        limit=1,
        load_input=False,
        load_output=False,
    )
    return int(str(found[0].executor_id).removeprefix(_SLOT_PREFIX)) if found else None


def resume(slot: int) -> None:
    """Enqueue again what a slot's dead owner began and did not end; the caller holds the slot."""
    while found := DBOS.list_workflows(
        status="PENDING",
        executor_id=owner_of(slot),
        app_version=ENGINE_VERSION,
        limit=_CHUNK,
        load_input=False,
        load_output=False,
    ):
        DBOS.resume_workflows([workflow.workflow_id for workflow in found], queue_name=QUEUE)


def forget_some(before: datetime) -> int:
    """Delete some of what ended before that moment, and return the number deleted."""
    over = DBOS.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED"],
        end_time=before.isoformat(),
        limit=_CHUNK,
        load_input=False,
        load_output=False,
    )
    DBOS.delete_workflows([workflow.workflow_id for workflow in over])
    return len(over)
