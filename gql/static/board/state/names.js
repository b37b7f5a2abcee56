// What systems are called now. An incident that a list shows has their names as of its own last change.

const renamed = new WeakMap();

/** Returns the names of systems by their ids. */
export const namesOf = (systems) => new Map(systems.map(({ id, name }) => [id, name]));

/** Returns an incident with its systems as they are called; the same object as long as nothing is called otherwise. */
export function named(incident, names) {
  const nameOf = ({ id, name }) => names.get(id) ?? name;
  if (incident.systems.every((system) => nameOf(system) === system.name)) return incident;
  const sign = JSON.stringify(incident.systems.map(nameOf));
  // Remembered, so that rows which did not change are not rendered again.
  if (renamed.get(incident)?.sign !== sign) {
    const systems = incident.systems.map((system) => ({ ...system, name: nameOf(system) }));
    renamed.set(incident, { sign, incident: { ...incident, systems } });
  }
  return renamed.get(incident).incident;
}
