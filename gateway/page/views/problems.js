// What is not as it should be: devices, and the last commands through this gateway that failed.

import {html, nothing} from "../vendor/lit/lit-html.js";
import {OUTCOMES, STATES, WORDS, clock} from "../words.js";
import {sign} from "./devices.js";

export const problems = (state) => {
  const content = state.topics.devices?.content;
  const rows = (content?.order ?? []).map((id) => content.rows[id]).filter((row) => row && isBad(row.state));
  const failures = state.topics.plant?.content?.gateway?.failures ?? [];
  return html`
    <h1>Problems</h1>
    <section class="card">
      <h2>Devices</h2>
      ${rows.length ? html`<ul class="list">${rows.map((row) => html`<li>${sign(row.state)} <a href="#/devices/${encodeURIComponent(row.name)}">${row.name}</a> ${row.reason ?? ""}</li>`)}</ul>` : html`<p>${WORDS.noProblems}</p>`}
    </section>
    <section class="card">
      <h2>Commands that failed</h2>
      ${failures.length ? html`<ul class="list">${failures.map(failed)}</ul>` : html`<p>${WORDS.noProblems}</p>`}
    </section>
    <p class="muted">${WORDS.noAlarms}</p>`;
};

const isBad = (name) => STATES[name]?.alarm || STATES[name]?.warn;

const failed = (one) => html`
  <li>
    <span class="mono">${clock(one.at)}</span> <b>${one.action}</b> on <a href="#/devices/${encodeURIComponent(one.device)}">${one.device}</a>:
    <span class=${one.outcome === "unknown" ? "unknown" : ""}>${OUTCOMES[one.outcome]}</span> ${one.detail}
    <small class="mono">${one.code} · ${one.who} · ${one.request_id}</small>
  </li>`;
