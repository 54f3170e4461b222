// What went over one endpoint's wire, newest first, with what it means.

import {html, nothing} from "../vendor/lit/lit-html.js";
import {WORDS, clock} from "../words.js";

export const traffic = (state) => {
  const name = state.route.device;
  const rows = Object.values(state.topics.trace?.content?.rows ?? {}).sort((one, other) => other.number - one.number);
  return html`
    <p class="crumbs"><a href="#/devices/${encodeURIComponent(name)}">${name}</a></p>
    <h1>Traffic of ${name}</h1>
    <section class="card">
      ${rows.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Traffic"><table>
        <thead><tr><th scope="col">Time</th><th scope="col">What</th><th scope="col" class="n">Took</th><th scope="col">Came to</th><th scope="col">Request, reply</th></tr></thead>
        <tbody>${rows.map((row) => html`
          <tr>
            <td class="mono">${clock(row.at)}</td>
            <td>${row.meaning ?? ""}<br><small>${row.who ?? ""}</small></td>
            <td class="n">${row.took === null || row.took === undefined ? "" : `${(row.took * 1000).toFixed(1)} ms`}</td>
            <td class=${row.outcome === "answered" ? "" : "warn"}>${row.outcome}</td>
            <td class="mono bytes">${row.request}<br>${row.reply ?? ""}</td>
          </tr>`)}</tbody>
      </table></div>` : html`<p>${WORDS.quiet}</p>`}
    </section>`;
};
