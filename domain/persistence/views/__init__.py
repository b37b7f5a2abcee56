"""The views that selections read, by name: one module for each kind of row."""

from collections.abc import Mapping
from types import MappingProxyType

from domain.persistence.views.automation import AUTOMATION, AUTOMATION_VERSION
from domain.persistence.views.change import CHANGE, EVENT, RUN_CHANGE
from domain.persistence.views.channel import CHANNEL
from domain.persistence.views.incident import INCIDENT
from domain.persistence.views.integration import INTEGRATION, INTEGRATION_DELIVERY
from domain.persistence.views.label import LABEL
from domain.persistence.views.link import LINK
from domain.persistence.views.log import LOG
from domain.persistence.views.maintenance import MAINTENANCE, MAINTENANCE_INSTANCE, MAINTENANCE_UPDATE
from domain.persistence.views.override import OVERRIDE
from domain.persistence.views.person import PERSON
from domain.persistence.views.relation import RELATION
from domain.persistence.views.run import ARTIFACT, RUN, STEP
from domain.persistence.views.secret import SECRET
from domain.persistence.views.system import SYSTEM
from domain.persistence.views.timeline_item import TIMELINE_ITEM
from domain.persistence.views.token import TOKEN
from domain.persistence.views.transition import TRANSITION
from domain.persistence.views.update import UPDATE
from domain.persistence.views.version import VERSION
from domain.persistence.views.view import View
from domain.persistence.views.webhook import WEBHOOK, WEBHOOK_DELIVERY

_ALL = (
    *(INCIDENT, LABEL, UPDATE, VERSION, LINK, RELATION, TRANSITION, TIMELINE_ITEM),
    *(SYSTEM, OVERRIDE),
    *(MAINTENANCE, MAINTENANCE_INSTANCE, MAINTENANCE_UPDATE),
    *(CHANGE, EVENT, LOG),
    *(AUTOMATION, AUTOMATION_VERSION, RUN, STEP, ARTIFACT, RUN_CHANGE),
    *(TOKEN, SECRET, PERSON),
    *(INTEGRATION, INTEGRATION_DELIVERY, CHANNEL),
    *(WEBHOOK, WEBHOOK_DELIVERY),
)
VIEWS: Mapping[str, View] = MappingProxyType({view.name: view for view in _ALL})
