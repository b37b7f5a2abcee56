// The formats of integrations in words, and what their senders have to be told.

import { ROOT } from "../../lib/router.js";

/** The words of types. */
export const TYPES = {
  ALERTMANAGER: "Alertmanager",
  GRAFANA: "Grafana",
  PAGERDUTY: "PagerDuty events",
  UPTIME_KUMA: "Uptime Kuma",
  HEALTHCHECKS: "Healthchecks",
  CLOUDEVENTS: "CloudEvents",
  EVENTS: "Any JSON",
};

/** What each is for. */
export const HELP = {
  ALERTMANAGER: "Prometheus' Alertmanager sends groups of alerts. Systems come from the labels service, system or job.",
  GRAFANA: "A contact point of Grafana's alerting. Systems come from the labels service, system or job.",
  PAGERDUTY: "Whatever pages PagerDuty by its Events API, version 2: give it this server in its place.",
  UPTIME_KUMA: "A notification of the type Webhook. Each monitor is a system, by its name.",
  HEALTHCHECKS: "An integration of the type Webhook, for down and up alike. Each check is a system, by its slug or name.",
  CLOUDEVENTS: "CloudEvents 1.0, structured, binary or in a batch.",
  EVENTS: "JSON of any form: expressions say what in it is an alert. It needs a key and an action.",
};

/** Returns the address that a sender is given, of a path on this server. */
export const addressOf = (path) => new URL(path.replace(/^\//, ""), ROOT).href;

/** Returns what to paste into the sender, as `{ where, text }` each. */
export function snippetsOf({ type, path }, token = "<token>") {
  return SNIPPETS[type](addressOf(path), token);
}

const SNIPPETS = {
  ALERTMANAGER: (address, token) => [{
    where: "In alertmanager.yml",
    text: `route:
  receiver: incidents
  group_by: [alertname]
  repeat_interval: 4h
receivers:
  - name: incidents
    webhook_configs:
      - url: ${address}
        send_resolved: true
        max_alerts: 1000
        http_config:
          authorization:
            credentials: "${token}"
`,
  }],
  GRAFANA: (address, token) => [{
    where: "As a file for provisioning, or the same in a contact point of the type Webhook",
    text: `apiVersion: 1
contactPoints:
  - orgId: 1
    name: incidents
    receivers:
      - uid: incidents
        type: webhook
        settings:
          url: ${address}
          httpMethod: POST
          authorization_scheme: Bearer
          authorization_credentials: "${token}"
`,
  }],
  PAGERDUTY: (address, token) => [{
    where: "The token is the routing key of each event",
    text: `curl ${address} -H 'Content-Type: application/json' -d '${JSON.stringify({
      routing_key: token,
      event_action: "trigger",
      dedup_key: "db-1-disk",
      payload: { summary: "Disk of db-1 is full", source: "db-1", severity: "error", component: "payments" },
    })}'
`,
  }],
  UPTIME_KUMA: (address, token) => [
    { where: "URL, with the body “Preset - application/json”", text: address },
    { where: "Additional headers", text: JSON.stringify({ Authorization: `Bearer ${token}` }) },
  ],
  HEALTHCHECKS: (address, token) => [
    { where: "URL for down and for up, with the method POST", text: address },
    { where: "Request headers", text: `Authorization: Bearer ${token}` },
    { where: "Request body", text: '{"code": "$CODE", "status": "$STATUS", "now": "$NOW", "check": $JSON}' },
  ],
  CLOUDEVENTS: (address, token) => [{ where: "An event from a shell", text: posted(address, token, "application/cloudevents+json", {
    specversion: "1.0", id: "1", source: "/checks", type: "com.example.check.failed.v1", subject: "disk-1",
    data: { title: "Disk is full", system: "payments" },
  }) }],
  EVENTS: (address, token) => [{ where: "A delivery from a shell; the body is what your expressions read", text: posted(address, token, "application/json", {
    check: "queue", host: "worker-1", passed: false,
  }) }],
};

function posted(address, token, type, body) {
  return `curl ${address} -H 'Authorization: Bearer ${token}' -H 'Content-Type: ${type}' -d '${JSON.stringify(body)}'\n`;
}
