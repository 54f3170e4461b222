// The broker, its hosts, and this gateway, in numbers.

import {html, nothing} from "../vendor/lit/lit-html.js";
import {span} from "../words.js";

export const clients = (state) => {
  const content = state.topics.plant?.content;
  if (!content) return html`<h1>Clients</h1><p>…</p>`;
  const {broker, stats, gateway} = content;
  return html`
    <h1>Clients</h1>
    <div class="columns even">
      ${facts("Broker", {Version: broker.version, Running: span(broker.uptime), Requests: stats.requests, "On their way": stats.pending, "Clients that wait": stats.clients?.waiting, "Most of one client": stats.clients?.most, "Replies nobody has read": stats.unread})}
      ${facts("Gateway", {Viewers: gateway.viewers, Topics: gateway.topics, "HTTP requests": gateway.requests, "Loop held up": gateway.late, ...(gateway.late_where ? {"last by": gateway.late_where} : {})})}
      ${facts("Refused, by code", stats.errors ?? {})}
      ${hosts(stats.hosts ?? [])}
    </div>`;
};

const facts = (title, rows) => html`
  <section class="card"><h2>${title}</h2>
    ${Object.keys(rows).length ? html`<dl class="facts">${Object.entries(rows).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value ?? ""}</dd></div>`)}</dl>` : html`<p>None.</p>`}
  </section>`;

const hosts = (rows) => html`
  <section class="card"><h2>Device hosts</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Device hosts"><table>
      <thead><tr><th scope="col">Host</th><th scope="col" class="n">Endpoints</th><th scope="col" class="n">Waiting</th><th scope="col" class="n">Heard</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr><th scope="row">${row.name}</th><td class="n">${row.endpoints}</td><td class="n">${row.queued}</td><td class="n">${row.local ? "here" : span(row.silent)}</td></tr>`)}</tbody>
    </table></div>
  </section>`;
