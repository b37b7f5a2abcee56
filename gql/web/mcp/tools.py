"""The tools for agents: each is an operation of the API, whose variables are its arguments."""

from dataclasses import dataclass

from domain.model.viewer import Role

_CARD = "id reference title status severity occurredAt updatedAt acknowledgedAt resolvedAt systems { key name }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_REFUSED = "userErrors { code message field }"
_WRITTEN = "incident { id reference title status severity version acknowledgedAt resolvedAt }"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTool:
    """A tool: its operation, and who is shown it.

    Where `$input` is the only variable of the operation, the fields of that input are the arguments.
    """

    name: str
    title: str
    description: str
    operation: str
    role: Role = Role.ANONYMOUS
    #: Whether it may replace what was there, and whether doing it again changes nothing more.
    replaces: bool = False
    repeats: bool = False

    @property
    def writes(self) -> bool:
        """Return whether it changes anything."""
        return self.role is not Role.ANONYMOUS


_READING = (
    AgentTool(
        name="who_am_i",
        title="Who am I",
        description="The role of this token, whom it acts as, and the systems that it may write.",
        operation="query WhoAmI { viewer { role actor { type name } visibilities systems { key name } } }",
    ),
    AgentTool(
        name="list_incidents",
        title="List incidents",
        description=(
            "Incidents that match a filter, newest first; without one those that are not resolved. "
            "More of them come with `after`, the `endCursor` of the page before."
        ),
        operation=f"""query ListIncidents($filter: IncidentFilter, $first: Int = 25, $after: String) {{
          incidents(filter: $filter, first: $first, after: $after) {{ nodes {{ {_CARD} }} {_PAGE} }}
        }}""",
    ),
    AgentTool(
        name="search_incidents",
        title="Search incidents",
        description="Incidents with these words in their texts, resolved ones included.",
        operation=f"""query SearchIncidents($text: String!, $first: Int = 10, $after: String) {{
          incidents(filter: {{text: $text, includeResolved: true}}, first: $first, after: $after) {{
            nodes {{ {_CARD} description }} {_PAGE}
          }}
        }}""",
    ),
    AgentTool(
        name="read_incident",
        title="Read an incident",
        description="One incident by its id or its number, with its newest updates, its links and its relations.",
        operation=f"""query ReadIncident($id: ID, $number: Int) {{
          incident(id: $id, number: $number) {{
            {_CARD} description version healthOverride labels {{ key value }} lead {{ name }} assignees {{ name }}
            updates(first: 25) {{ nodes {{ id message statusChange visibility createdAt }} }}
            links(first: 25) {{ nodes {{ label url }} }}
            relations(first: 25) {{ nodes {{ type isInverse incident {{ id reference title status }} }} }}
          }}
        }}""",
    ),
    AgentTool(
        name="incident_timeline",
        title="Read the timeline of an incident",
        description="All that happened to an incident, oldest first.",
        operation=f"""query IncidentTimeline($id: ID!, $first: Int = 50, $after: String) {{
          incident(id: $id) {{
            id reference title
            timeline(first: $first, after: $after) {{
              nodes {{
                kind at update {{ message statusChange visibility createdBy {{ type name }} }} link {{ label url }}
                transition {{ field fromValue toValue }} relation {{ type isInverse incident {{ reference title }} }}
                change {{ changedFields actor {{ type name }} }}
              }}
              {_PAGE}
            }}
          }}
        }}""",
    ),
    AgentTool(
        name="count_incidents",
        title="Count incidents",
        description="How many incidents match a filter, in groups where asked for; without one those not resolved.",
        operation="""query CountIncidents($filter: IncidentFilter, $groupBy: [IncidentGrouping!], $labelKey: String) {
          incidentCounts(filter: $filter, groupBy: $groupBy, labelKey: $labelKey) {
            count status severity system { key name } label { key value }
          }
        }""",
    ),
    AgentTool(
        name="list_systems",
        title="List systems",
        description="The systems that incidents affect, with their health and the open incidents of each.",
        operation=f"""query ListSystems($filter: SystemCatalogFilter, $first: Int = 25, $after: String) {{
          systems(filter: $filter, first: $first, after: $after) {{
            nodes {{
              id key name description health {{ status reported {{ status message observedAt }} }}
              openIncidents(first: 5) {{ nodes {{ id reference title severity }} }}
            }}
            {_PAGE}
          }}
        }}""",
    ),
)
_WRITING = (
    AgentTool(
        name="create_incident",
        title="Open an incident",
        description="Open an incident on one or more systems. With an `idempotencyKey` it can be repeated.",
        operation=f"""mutation OpenIncident($input: CreateIncidentInput!) {{
          createIncident(input: $input) {{ reused {_WRITTEN} {_REFUSED} }}
        }}""",
        role=Role.RESPONDER,
    ),
    AgentTool(
        name="update_incident",
        title="Change an incident",
        description="Change the title, description, severity, systems or another field of an incident.",
        operation=f"""mutation ChangeIncident($input: UpdateIncidentInput!) {{
          updateIncident(input: $input) {{ {_WRITTEN} {_REFUSED} }}
        }}""",
        role=Role.RESPONDER,
        replaces=True,
        repeats=True,
    ),
    AgentTool(
        name="add_incident_update",
        title="Write an update",
        description=(
            "Add an entry to the timeline of an incident, which may set its status. It is public unless `visibility` "
            "says otherwise. With an `idempotencyKey` it can be repeated."
        ),
        operation=f"""mutation WriteUpdate($input: AddIncidentUpdateInput!) {{
          addIncidentUpdate(input: $input) {{ update {{ id }} {_WRITTEN} {_REFUSED} }}
        }}""",
        role=Role.RESPONDER,
    ),
    AgentTool(
        name="acknowledge_incident",
        title="Acknowledge an incident",
        description="Say that somebody has seen an incident and takes care of it.",
        operation=f"""mutation Acknowledge($input: AcknowledgeIncidentInput!) {{
          acknowledgeIncident(input: $input) {{ {_WRITTEN} {_REFUSED} }}
        }}""",
        role=Role.RESPONDER,
        repeats=True,
    ),
    AgentTool(
        name="resolve_incident",
        title="Resolve an incident",
        description="Resolve an incident, with a last message.",
        operation=f"""mutation Resolve($input: ResolveIncidentInput!) {{
          resolveIncident(input: $input) {{ {_WRITTEN} {_REFUSED} }}
        }}""",
        role=Role.RESPONDER,
        replaces=True,
    ),
)
#: All tools, by name.
TOOLS = {tool.name: tool for tool in (*_READING, *_WRITING)}
