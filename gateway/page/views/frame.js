// What is around every page: tabs, live or not, the banner, and the dialog that asks before anything moves.

import {html, nothing} from "../vendor/lit/lit-html.js";
import {isHeard} from "../state.js";
import {WORDS, away, gone, question} from "../words.js";

const TABS = {devices: "Devices", problems: "Problems", clients: "Clients"};

export const frame = (state, live, now, acts, content) => html`
  <header>
    <a class="brand" href="#/devices">plcmq</a>
    <nav aria-label="Pages">
      ${Object.entries(TABS).map(([name, text]) => html`
        <a href="#/${name}" aria-current=${isTab(state, name) ? "page" : nothing}>${text}</a>`)}
      <a href="docs">API</a>
    </nav>
    <div class="broker">${state.gateway?.broker?.name ?? ""}</div>
    <div class="live ${live ? "" : "alarm"}" role="status">${live ? html`<i>○</i> ${WORDS.live}` : html`<i>■</i> ${WORDS.notLive}`}</div>
  </header>
  ${state.gateway?.read_only ? html`<p class="watching">${WORDS.watching}</p>` : nothing}
  ${live ? nothing : html`<div class="banner" role="alert">${state.refused ? WORDS.oldPage : isHeard(state, now) ? away : gone(now - (state.heard > 0 ? state.heard : state.lost ?? now))}</div>`}
  ${problem(state, live)}
  <main class=${live ? "" : "faded"} tabindex="-1">${content}</main>
  ${dialog(state, live, acts)}`;

const isTab = (state, name) =>
  state.route.name === name || (name === "devices" && ["device", "traffic"].includes(state.route.name));

const problem = (state, live) => {
  const told = Object.values(state.topics).map((topic) => topic.problem).find(Boolean);
  if (!live || !told) return nothing;
  const title = told.code === "no_host" ? `${WORDS.brokerAway}: ` : "";
  return html`<div class="banner" role="alert">${title}${told.message}</div>`;
};

const dialog = (state, live, acts) => {
  const task = state.question;
  if (!task) return html`<dialog></dialog>`;
  return html`
    <dialog aria-labelledby="question" @cancel=${(event) => { event.preventDefault(); acts.answer(false); }}>
      <h2 id="question">${question(task.title, task.device)}</h2>
      <p>${task.note}</p>
      <dl>${Object.entries(task.told).map(([name, value]) => html`<div><dt>${name}</dt><dd>${JSON.stringify(value)}</dd></div>`)}</dl>
      <div class="buttons">
        <button autofocus @click=${() => acts.answer(false)}>${WORDS.cancel}</button>
        <button class="act" ?disabled=${!live} @click=${() => acts.answer(true)}>${task.title}</button>
      </div>
    </dialog>`;
};
