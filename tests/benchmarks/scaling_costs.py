"""The costs that the simulation of scaling takes as given: seconds, each measured somewhere named, or a guess."""

# Measured.
#: CPU of a server's process to open an incident on PostgreSQL, 16 at once (docs/decisions/0011).
WRITE = 0.001675
#: The same on SQLite, statements included.
WRITE_SQLITE = 0.000879
#: A message to PostgreSQL and its answer: time in the database (docs/decisions/0010 and 0011: some 100 us). A write has
#: five: BEGIN, two statements, the answer, COMMIT; the last three under the log's lock, the append among them.
ROUND_TRIP = 0.0001
#: Waiting for the disk at a commit: SQLite with synchronous FULL against OFF, 2.39 and 0.33 ms a commit of four rows.
FSYNC = 0.00206
#: One event that shows its incident, for a group, beyond its write and before it is handed out: CPU of the process, and
#: statements (python -m tests.benchmarks.aftermath events --rounds 7 --writes 10, PostgreSQL; 0.58 ms on SQLite).
EVENT, EVENT_STATEMENTS = 0.00074, 1.8
#: Handing an event to one more socket, of 5,000 (docs/decisions/0007).
MESSAGE = 0.00001
#: What a read of the log costs its process: a connection, a transaction, one statement through SQLAlchemy (measured
#: before reads were compiled; the tail's read still goes that way).
TAIL_READ = 0.00074
#: CPU of a page of fifty incidents (docs/decisions/0009).
QUERY = 0.000579
#: CPU of a process for a run of one step, and its statements (python -m tests.benchmarks.aftermath runs, PostgreSQL).
RUN, RUN_STATEMENTS = 0.0171, 49
#: Bytes of a change in the log, of its share in the search index, and of all tables together: `incidentql demo
#: --incidents 2000` on SQLite, 10,731 changes, by SQLite's dbstat.
LOG_BYTES, SEARCH_BYTES, ALL_BYTES = 3031, 249, 4380

# Settings of the program.
#: The slice in which sockets are handed an event before others have their turn (gql/transport/members.py).
SLICE = 0.0015
#: Queues of one webhook that a process works off at a time (domain/webhooks/delivering.py).
AT_ONCE = 4
#: Changes that a durable reader handles in one transaction (domain/messaging/readers.py).
TOGETHER = 25
#: Works that share a commit on SQLite (domain/persistence/groups.py).
GROUP = 32

# Guesses.
#: What one more change adds to a read of the log, for the process and for the database.
TAIL_CHANGE, TAIL_ROW = 0.00005, 0.00002
#: The part of a write's CPU that is spent between the append and the commit, so that the log's lock waits for it.
LOCKED_PART = 0.15
#: What one more change of a shared commit costs under the lock, in the database.
APPEND_MORE = 0.00005
#: What a page of incidents costs the database, and a reader of one change its database.
QUERY_ROWS, READER_ROW = 0.0003, 0.0002
#: The receiver of a webhook answers in this time, and a delivery costs its process so much.
RECEIVER, DELIVERY = 0.1, 0.002
#: A wake-up, or a frame from a server to a relay, on its way.
HOP = 0.0005
#: What a relay spends on a frame that it hands on, beyond its sockets.
RELAY_FRAME = 0.00005
#: Runs of automations for each write, and the changes of each in the log, which no socket is shown.
RUNS, RUN_CHANGES = 0.2, 4
#: Commits of the engine of automations between two changes of a run, which take no lock of the log.
ENGINE_COMMITS = 2
