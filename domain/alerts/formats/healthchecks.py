"""Web hooks of Healthchecks, whose body is a template: `docs/integrations.md` has the one that is read here.

https://healthchecks.io/docs/configuring_notifications/ has its placeholders.
"""

from collections.abc import Iterator
from typing import Any

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats.reading import checked_alert_key, moment_in, object_in, text_in
from domain.alerts.signals import AlertSignal, SignalAction

_ACTIONS = {"down": SignalAction.TRIGGER, "up": SignalAction.RESOLVE}


def signals_of(body: Any) -> Iterator[AlertSignal]:
    """Yield the one signal of a check that went down or came up.

    Raises:
        UnusableDeliveryError: it is no such body.
    """
    whole = object_in(body, "The body")
    check = whole.get("check")
    # `"check": $JSON` is the check as the management API shows it; what stands beside it counts first.
    known = {**(check if isinstance(check, dict) else {}), **whole}
    action = _ACTIONS.get(str(known.get("status")))
    if action is None:
        raise UnusableDeliveryError("`status` must be up or down.")
    name, moment = text_in(known.get("name")), moment_in(known.get("now"))
    key = next(
        (known[each] for each in ("code", "uuid", "unique_key", "slug", "name") if text_in(known.get(each))), None
    )
    tags = (text_in(known.get("tags")) or "").split()
    yield AlertSignal(
        key=checked_alert_key(key),
        action=action,
        starts_at=moment if action is SignalAction.TRIGGER else None,
        ends_at=moment if action is SignalAction.RESOLVE else None,
        title=f"{name} is down" if name else None,
        description=text_in(known.get("desc")) or text_in(known.get("description")),
        systems=tuple(text for each in ("slug", "name") if (text := text_in(known.get(each))) is not None),
        labels={"tags": " ".join(tags)} if tags else {},
        scope={"alert": known, "tags": tags, "labels": {}, "body": whole},
    )
