// One device: its values, what it can be told to do, and how the connection is.

import {html, nothing} from "../vendor/lit/lit-html.js";
import {collected, field, fields, initial} from "../form.js";
import {OLD_AFTER, ageOf, shown} from "../state.js";
import {seconds} from "../live.js";
import {OUTCOMES, WORDS, span, waiting} from "../words.js";
import {sign} from "./devices.js";

export const formOf = (state, id) => (state.forms[id] ??= {id, texts: {}, errors: {}, result: null, since: null, open: false});

export const device = (state, live, acts) => {
  const name = state.route.device;
  const content = state.topics.device?.content;
  const described = state.device;
  return html`
    <p class="crumbs"><a href="#/devices">All devices</a>${hasTrace(state) ? html` · <a href="#/traffic/${encodeURIComponent(name)}">Traffic of ${name}</a>` : nothing} · <a href="api/v1/devices/${encodeURIComponent(name)}/diagnostics" download>Diagnostics file</a></p>
    <h1>${name} ${content?.state ? sign(content.state) : ""} <small>${described?.profile ?? ""}</small></h1>
    ${content?.reason ? html`<p class="reason">${content.reason}</p>` : nothing}
    ${described?.problem ? html`<p class="reason">${described.problem}</p>` : nothing}
    <div class="columns">
      <div class="values">
        <section class="card" ?hidden=${!hasLine(state)}><h2 id="plot-title"></h2><div id="plot" aria-hidden="true"></div></section>
        ${tags(state, live, acts, name)}
      </div>
      <div class="actions">
        ${described?.actions ? Object.entries(described.actions).map(([action, told]) => card(state, live, acts, name, action, told)) : nothing}
        ${connection(content, state.now)}
      </div>
    </div>`;
};

const hasTrace = (state) => (state.gateway?.broker?.features ?? []).includes("trace");

const hasLine = (state) => Object.values(state.lines).some((line) => line.length);

const tags = (state, live, acts, name) => {
  const described = state.device?.tags ?? {};
  const content = state.topics.device?.content;
  const told = content?.tags ?? {};
  const names = Object.keys(described).length ? Object.keys(described) : Object.keys(told);
  return html`
    <section class="card">
      <h2>Tags</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Tags">
        <table class="tags">
          <thead><tr>
            <th scope="col">Tag</th><th scope="col" class="n">Value</th><th scope="col">Unit</th>
            <th scope="col" class="n">Age</th><th scope="col">Description</th><th scope="col"><span class="hidden">Change</span></th>
          </tr></thead>
          <tbody>${names.map((tag) => row(state, live, acts, name, tag, described[tag] ?? {}, told[tag], content?.alive))}</tbody>
        </table>
      </div>
    </section>`;
};

const row = (state, live, acts, name, tag, about, entry, alive) => {
  const age = entry && state.now ? ageOf(entry, alive, state.now) : null;
  const old = age !== null && age > OLD_AFTER;
  const form = formOf(state, `${name}/tag/${tag}`);
  const numeric = typeof entry?.value === "number";
  return html`
    <tr class=${old ? "old" : ""}>
      <th scope="row">${numeric ? html`<button class="link" title="Show in the trend" aria-pressed=${(state.plotted ?? []).includes(tag)} @click=${() => acts.plot(tag)}>${tag}</button>` : tag}</th>
      ${value(state, tag, entry)}
      <td>${about.unit ?? ""}</td>
      <td class="n">${age === null ? "" : span(age)}${old ? " old" : ""}</td>
      <td class="muted">${about.description ?? ""}</td>
      <td class="n">${about.access === "rw" ? html`<button ?disabled=${!mayAct(state, live)} aria-expanded=${form.open} aria-label="write ${tag}" @click=${() => acts.toggle(form)}>write</button>` : nothing}</td>
    </tr>
    ${form.open || form.result ? html`<tr class="form"><td colspan="6">${writing(state, live, acts, name, tag, about, form)}</td></tr>` : nothing}`;
};

const value = (state, tag, entry) => {
  if (!entry) return html`<td class="n muted">…</td>`;
  if (entry.error) {
    const last = entry.value === null || entry.value === undefined ? "" : `last: ${shown(entry.value, state.decimals[tag])}`;
    return html`<td class="n warn" title="${entry.error.message}${last ? `; ${last}` : ""}"><i>△</i> ${entry.error.code}</td>`;
  }
  return html`<td class="n value">${shown(entry.value, state.decimals[tag])}</td>`;
};

const mayAct = (state, live) => live && !state.gateway?.read_only;

const writing = (state, live, acts, name, tag, about, form) => {
  const one = {...field(tag, about.schema ?? {}, true)};
  const path = `api/v1/devices/${encodeURIComponent(name)}/tags/${encodeURIComponent(tag)}`;
  const submit = (event) => {
    event.preventDefault();
    const {values, errors} = collected([one], form.texts);
    form.errors = errors;
    if (Object.keys(errors).length) return acts.draw();
    acts.confirm({title: `write ${tag}`, device: name, note: WORDS.writes, told: values, form, method: "PATCH", path: `${path}?verify=true`, body: {value: values[tag]}}, event.submitter);
  };
  return html`<form novalidate @submit=${submit}>${form.open ? html`${input(one, form, acts)} ${button(`write ${tag}`, form, mayAct(state, live))}` : nothing}${result(form)}</form>`;
};

const card = (state, live, acts, name, action, about) => {
  const form = formOf(state, `${name}/${action}`);
  const all = fields(about.args ?? about.schema);
  const path = `api/v1/devices/${encodeURIComponent(name)}/actions/${encodeURIComponent(action)}`;
  const submit = (event) => {
    event.preventDefault();
    const {values, errors} = collected(all, form.texts);
    form.errors = errors;
    if (Object.keys(errors).length) return acts.draw();
    const task = {title: action, device: name, note: typeof about.confirm === "string" ? about.confirm : WORDS.moves, told: values, form, method: "POST", path, body: values, limit: about.timeout};
    acts.confirm(task, event.submitter);
  };
  return html`
    <section class="card">
      <h2>${action}</h2>
      ${about.description ? html`<p class="muted">${about.description}</p>` : nothing}
      <form novalidate @submit=${submit}>
        ${all.map((one) => input(one, form, acts))}
        ${button(action, form, mayAct(state, live))}
        ${result(form)}
      </form>
    </section>`;
};

const input = (one, form, acts) => {
  const id = `${form.id}/${one.name}`;
  const text = form.texts[one.name] ?? initial(one);
  const error = form.errors[one.name];
  const typed = (event) => acts.type(form, one.name, one.kind === "boolean" ? event.target.checked : event.target.value);
  const label = html`<label for=${id}>${one.name} <small>${one.help}</small></label>`;
  const described = error ? `${id}-error` : nothing;
  let control;
  if (one.kind === "choice") {
    const empty = one.required ? nothing : html`<option value="" ?selected=${text === ""}></option>`;
    control = html`<select id=${id} @change=${typed}>${empty}${one.choices.map((choice) => html`<option ?selected=${String(choice) === text}>${choice}</option>`)}</select>`;
  } else if (one.kind === "boolean") {
    control = html`<input id=${id} type="checkbox" .checked=${text === true} @change=${typed}>`;
  } else if (one.kind === "json") {
    control = html`<textarea id=${id} rows="3" .value=${text} @input=${typed} aria-describedby=${described}></textarea><pre class="schema">${JSON.stringify(one.schema)}</pre>`;
  } else {
    const mode = one.kind === "text" ? "text" : one.kind === "integer" ? "numeric" : "decimal";
    control = html`<input id=${id} inputmode=${mode} autocomplete="off" .value=${text} @input=${typed} aria-invalid=${error ? "true" : "false"} aria-describedby=${described}>`;
  }
  return html`<div class="field">${label}${control}${error ? html`<p class="error" id="${id}-error">${one.name} ${error}</p>` : nothing}</div>`;
};

const button = (text, form, may) => {
  const busy = form.since !== null;
  return html`<button class="act" type="submit" ?disabled=${!may || busy}>${busy ? waiting(seconds() - form.since) : text}</button>`;
};

const result = (form) => {
  const told = form.result;
  if (!told) return nothing;
  const {kind, body} = told;
  const good = kind === "done" || kind === "replayed";
  return html`
    <div class="result ${kind}" id="result-${form.id}" role="alert" tabindex="-1">
      <b>${OUTCOMES[kind]}</b>
      ${good ? values(body) : failure(body)}
    </div>`;
};

const values = (body) => html`<dl>${Object.entries(body ?? {}).map(([name, one]) => html`<div><dt>${name}</dt><dd>${shown(one)}</dd></div>`)}</dl>`;

const failure = (body) => {
  const details = body.details ?? {};
  const done = Array.isArray(details.done) ? details.done.map(String).join(", ") : details.done;
  return html`
    <p>${body.detail}</p>
    ${details.retry_after ? html`<p>Try again in ${Math.ceil(details.retry_after)} s.</p>` : nothing}
    ${details.step ? html`<p>Step ${stepOf(details.step)}</p>` : nothing}
    ${done ? html`<p>Done: ${done}</p>` : nothing}
    <p class="mono">${[body.code, body.request_id].filter(Boolean).join(" · ")}</p>`;
};

const stepOf = (step) => (step.kind ? `${step.index} (${step.kind})` : shown(step));

const connection = (content, now) => {
  const status = content?.status;
  if (!status) return nothing;
  const trips = status.round_trip ?? {};
  const counters = status.counters ?? {};
  const lock = status.lock;
  const rows = {
    Endpoint: status.endpoint,
    Since: content.since && now ? span(now - content.since) : "",
    "Round trip p50, p99": ["p50", "p99"].map((name) => (trips[name] === undefined ? "–" : `${(trips[name] * 1000).toFixed(1)} ms`)).join(", "),
    "Waiting": `${status.queue?.reads ?? 0} reads, ${status.queue?.commands ?? 0} commands`,
    "Timeouts, exceptions": `${counters.timeouts ?? 0}, ${counters.exceptions ?? 0}`,
    Connections: counters.connects ?? "",
    Lock: lock ? `held${lock.ttl === undefined ? "" : `, ${span(lock.ttl)} left`}` : "free",
  };
  return html`<section class="card"><h2>Connection</h2><dl class="facts">${Object.entries(rows).map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}</dl></section>`;
};
