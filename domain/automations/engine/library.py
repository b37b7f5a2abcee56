"""Calls of the library that runs workflows, in threads of ours; by its public names wherever it has one.

Its async methods would set its thread pool as our event loop's default executor, and shut it down at the end.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from dbos import DBOS, DBOSClient, Queue
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


def end_polls(library: DBOS) -> None:
    """End the threads in which the library polls the database, and the one in which it resumes what it began before.

    They look for delays, timeouts, schedules and messages, of which we have none, and for what is enqueued, which we
    know or look for ourselves. Together they would send a thousand statements a minute.
    """
    for ending in library.background_thread_stop_events:
        ending.set()
    library._background_jobs_stop_event.set()  # noqa: SLF001 - the others' events are public
    library._sys_db._run_background_processes = False  # noqa: SLF001 - as the library does it at its own end


def start_enqueued(library: DBOS, queue: Queue) -> None:
    """Claim and start what is enqueued."""
    claim = str(uuid4())
    database = library._sys_db  # noqa: SLF001 - nothing public claims at once
    claimed, _ = database.start_queued_workflows(
        # Each of ours has a version, so those without one need not be thought of.
        queue,
        DBOS.executor_id,
        DBOS.application_version,
        None,
        owner_xid=claim,
        is_latest_version=False,
    )
    for status in database.get_workflow_statuses(claimed) if claimed else ():
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


def resume(client: DBOSClient, slot: int) -> None:
    """Enqueue again what a slot's dead owner began and did not end; the caller holds the slot."""
    while found := client.list_workflows(
        status="PENDING",
        executor_id=owner_of(slot),
        app_version=ENGINE_VERSION,
        limit=_CHUNK,
        load_input=False,
        load_output=False,
    ):
        client.resume_workflows([workflow.workflow_id for workflow in found], queue_name=QUEUE)


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
