"""Random examples of properties: a third of them in a usual run, all of them with EXAMPLES=all."""

import os

from hypothesis import HealthCheck, settings

#: A usual run tries one in so many.
_ONE_IN = 1 if os.environ.get("EXAMPLES") == "all" else 3


def examples(count: int) -> settings:
    """Return the settings of a property that is tried on so many examples, however slow the machine is."""
    return settings(max_examples=-(-count // _ONE_IN), deadline=None, suppress_health_check=list(HealthCheck))
