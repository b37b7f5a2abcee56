"""Calls of the library that runs workflows, in threads of ours; by its public names wherever it has one.

Its async methods would make its thread pool the one of our event loop, and take it away at the end.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from dbos import DBOS
from dbos._core import execute_dequeued_workflow  # nothing public runs what a claim returned

logger = logging.getLogger(__name__)

#: Raised when the steps of runs get another order; runs of an older one finish on processes that still have it.
ENGINE_VERSION = "1"
QUEUE = "automations"
_SLOT_PREFIX = "slot-"
#: How many workflows one statement resumes or forgets.
_CHUNK = 500


def owner_of(slot: int) -> str:
    """Return the name under which the process that holds this slot runs workflows."""
    return f"{_SLOT_PREFIX}{slot}"


def start_enqueued(library: DBOS) -> None:
    """Claim and start what is enqueued, as the library's own look does it every so often."""
    queue = DBOS.retrieve_queue(QUEUE)
    if queue is None:
        return
    claim = str(uuid4())
    database = library._sys_db  # noqa: SLF001 - nothing public claims at once: its look only ever comes in its time
    claimed, _ = database.start_queued_workflows(
        queue, DBOS.executor_id, DBOS.application_version, None, owner_xid=claim
    )
    for status in database.get_workflow_statuses(claimed):
        try:
            execute_dequeued_workflow(library, status, claim)
        except Exception:
            # As there: it must not stop those behind it, and the next start of the process finds it.
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
    """Enqueue again what the owner of a slot began and did not end: it died, and whoever calls holds its slot."""
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
    """Drop some of what ended before that moment; return how many they were."""
    over = DBOS.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED"],
        end_time=before.isoformat(),
        limit=_CHUNK,
        load_input=False,
        load_output=False,
    )
    DBOS.delete_workflows([workflow.workflow_id for workflow in over])
    return len(over)
