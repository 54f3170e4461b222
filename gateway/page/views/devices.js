// The plant: how many devices are how, and a page of them, the abnormal first.

import {html, nothing} from "../vendor/lit/lit-html.js";
import {STATES, WORDS, span} from "../words.js";

const PAGE = 100;

export const sign = (name) => {
  const known = STATES[name] ?? {sign: "?"};
  return html`<span class="state ${known.alarm ? "alarm" : known.warn ? "warn" : ""}"><i>${known.sign}</i> ${name}</span>`;
};

export const devices = (state, live, acts) => {
  const topic = state.topics.devices;
  const content = topic?.content;
  if (!content) return html`<h1>Devices</h1><p>${topic?.problem ? "" : "…"}</p>`;
  const {match, state: only, offset} = state.filter;
  if (content.total === 0 && !match && !only) {
    return html`<h1>Devices</h1><p>${WORDS.noDevices} <code>${WORDS.apply}</code></p>`;
  }
  const rows = content.order.map((id) => content.rows[id]).filter(Boolean);
  return html`
    <h1>Devices</h1>
    <div class="tiles">${Object.keys(STATES).map((name) => tile(name, content.states[name] ?? 0, only === name, acts))}</div>
    <section class="card">
      <div class="tools">
        <input id="filter" type="search" placeholder="Filter by name  ( / )" aria-label="Filter by name" .value=${match}
          @input=${(event) => acts.filter({match: event.target.value})}>
        <span role="status">${rows.length} of ${content.total}</span>
        ${content.total > PAGE ? pages(content.total, offset, acts) : nothing}
      </div>
      ${rows.length ? table(rows, state, acts) : html`<p>${WORDS.noMatch}</p>`}
    </section>`;
};

const tile = (name, count, pressed, acts) => {
  const known = STATES[name];
  const colour = count > 0 ? (known.alarm ? "alarm" : known.warn ? "warn" : "") : "";
  return html`
    <button class="tile ${colour}" aria-pressed=${pressed} @click=${() => acts.filter({state: pressed ? null : name})}>
      <b>${count}</b><span><i>${known.sign}</i> ${name}</span>
    </button>`;
};

const pages = (total, offset, acts) => html`
  <span class="pages">
    <button ?disabled=${offset === 0} @click=${() => acts.filter({offset: Math.max(0, offset - PAGE)})}>Back</button>
    <span>${offset + 1} to ${Math.min(total, offset + PAGE)}</span>
    <button ?disabled=${offset + PAGE >= total} @click=${() => acts.filter({offset: offset + PAGE})}>On</button>
  </span>`;

const table = (rows, state, acts) => html`
  <div class="scroll" tabindex="0" role="region" aria-label="Devices">
    <table class="devices">
      <thead><tr>
        ${sortable("State", "severity", state, acts)}${sortable("Device", "name", state, acts)}
        <th scope="col">Profile</th><th scope="col">Endpoint</th><th scope="col" class="n">For</th>
        <th scope="col" class="n">Queue</th><th scope="col" class="n">p99 ms</th><th scope="col">Why</th>
      </tr></thead>
      <tbody>${rows.map((row) => html`
        <tr>
          <td>${sign(row.state)}</td>
          <td><a href="#/devices/${encodeURIComponent(row.name)}">${row.name}</a></td>
          <td class="wide">${row.profile}</td>
          <td class="wide mono">${row.endpoint}${row.unit === undefined || row.unit === null ? "" : ` · ${row.unit}`}</td>
          <td class="n wide">${row.since && state.now ? span(state.now - row.since) : ""}</td>
          <td class="n wide">${(row.reads ?? 0) + (row.commands ?? 0)}</td>
          <td class="n wide">${row.p99_ms?.toFixed(1) ?? ""}</td>
          <td class="why ${STATES[row.state]?.alarm ? "alarm" : ""}">${row.reason ?? ""}</td>
        </tr>`)}</tbody>
    </table>
  </div>`;

const sortable = (text, order, state, acts) => html`
  <th scope="col" aria-sort=${state.filter.order === order ? "ascending" : nothing}>
    <button @click=${() => acts.filter({order})}>${text}${state.filter.order === order ? " ▴" : ""}</button>
  </th>`;
