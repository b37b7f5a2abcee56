// Reads everything that the npm client of Statuspage asks for, and prints it as one JSON object.
// Argument: { url }.
import { Statuspage } from "statuspage.io";

const { url } = JSON.parse(process.argv[2]);
const client = new Statuspage("incidentql");
client.setApiUrl(url);
const { api } = client;

const found = {
  summary: await api.getSummary(),
  status: await api.getStatus(),
  components: await api.getComponents(),
  incidents: await api.incidents.getAll(),
  unresolved: await api.incidents.getUnresolved(),
  maintenances: await api.scheduledMaintenances.getAll(),
  upcoming: await api.scheduledMaintenances.getUpcoming(),
  active: await api.scheduledMaintenances.getActive(),
};
process.stdout.write(`${JSON.stringify(found)}\n`);
