// The page: state → view(state) → render. Everything that happens changes the state and draws anew.

import {html, render} from "./vendor/lit/lit-html.js";
import {fresh, isHeard, isLive} from "./state.js";
import {Line, seconds} from "./live.js";
import {ask, command, newKey, recalled} from "./send.js";
import {frame} from "./views/frame.js";
import {devices} from "./views/devices.js";
import {device, formOf} from "./views/device.js";
import {problems} from "./views/problems.js";
import {clients} from "./views/clients.js";
import {traffic} from "./views/traffic.js";
import {drawPlot} from "./views/plot.js";

const VIEWS = {devices, device, problems, clients, traffic};
const state = fresh();
let drawing = false;

const draw = () => {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const now = seconds();
    const live = isLive(state, now);
    if (live) state.lost = null;
    else state.lost ??= now;
    state.now = state.beat === null ? null : state.beat + (now - state.heard);
    document.title = titleOf();
    render(html`${frame(state, live, now, acts, VIEWS[state.route.name](state, live, acts))}`, document.querySelector("#app"));
    drawPlot(state, live);
    openDialog();
  });
};

const titleOf = () => {
  const name = state.route.device ?? state.route.name;
  return `${name} · plcmq`;
};

const line = new Line(state, draw);

const topicsOf = (route) => {
  if (route.name === "devices" || route.name === "problems") {
    const {match, state: only, offset, order} = route.name === "devices" ? state.filter : {match: "", state: null, offset: 0, order: "severity"};
    const topics = {devices: {topic: "devices", match, profile: null, state: only, offset, order}};
    return route.name === "problems" ? {...topics, plant: {topic: "plant"}} : topics;
  }
  if (route.name === "device") return {device: {topic: "device", device: route.device, tags: null, interval: 1}};
  if (route.name === "traffic") return {trace: {topic: "trace", device: route.device}};
  return {plant: {topic: "plant"}};
};

const navigate = () => {
  const [name, argument] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const before = state.route;
  if (name === "devices" && argument) state.route = {name: "device", device: argument};
  else if (name === "traffic" && argument) state.route = {name: "traffic", device: argument};
  else state.route = {name: name in VIEWS && name !== "device" && name !== "traffic" ? name : "devices"};
  if (state.route.device !== before.device) {
    Object.assign(state, {device: null, lines: {}, decimals: {}, plotted: null});
  }
  if (state.route.name === "device") describe();
  line.want(topicsOf(state.route));
  draw();
  if (before.name !== state.route.name) document.querySelector("main")?.focus({preventScroll: true});
};

const describe = async () => {
  const name = state.route.device;
  try {
    const told = await ask(`api/v1/devices/${encodeURIComponent(name)}`);
    if (state.route.device === name) state.device = {...told, revision: state.topics.device?.content?.revision};
  } catch (error) {
    if (state.route.device === name && !state.device) state.device = {problem: error.message};
  }
  draw();
};

const about = async () => {
  try {
    state.gateway = await ask("api/v1");
  } catch {
    state.gateway ??= null; // asked again by the tick
  }
  draw();
};

// What views may have done.
const acts = {
  filter(change) {
    state.filter = {...state.filter, offset: 0, ...change};
    line.want(topicsOf(state.route));
    draw();
  },
  plot(tag) {
    const shown = state.plotted ?? [];
    state.plotted = shown.includes(tag) ? shown.filter((one) => one !== tag) : [...shown, tag].slice(-4);
    draw();
  },
  type(form, name, value) {
    form.texts[name] = value;
    draw();
  },
  toggle(form) {
    form.open = !form.open;
    form.result = null;
    draw();
  },
  // Asks before anything moves. `task`: {title, note, form, method, path, body, limit}.
  confirm(task, button) {
    state.question = {...task, key: newKey(), button};
    draw();
  },
  answer(yes) {
    const task = state.question;
    state.question = null;
    document.querySelector("dialog")?.close();
    draw();
    if (yes) run(task);
    else focusOn(task.button);
  },
  draw,
};

const run = async (task) => {
  const {form} = task;
  Object.assign(form, {since: seconds(), result: null});
  draw();
  form.result = await command(state, task.method, task.path, task.body, task.key, task.limit);
  form.since = null;
  draw();
  requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById(`result-${form.id}`)?.focus()));
};

const focusOn = (button) => requestAnimationFrame(() => button?.focus());

const openDialog = () => {
  const dialog = document.querySelector("dialog");
  if (state.question && dialog && !dialog.open) dialog.showModal();
};

// Commands whose connection broke: once live again, what became of them is asked, and nothing is sent.
let asking = false;
const lookUp = async () => {
  if (asking || !isLive(state, seconds())) return;
  asking = true;
  try {
    for (const form of Object.values(state.forms)) {
      if (!form.result?.key) continue;
      const told = await recalled(form.result);
      if (told) form.result = told;
    }
  } catch {
    // the broker may be away, or cannot tell: the result stays unknown, and is asked for again
  } finally {
    asking = false;
  }
};

setInterval(() => {
  if (state.open && !isHeard(state, seconds())) line.drop();
  if (!state.gateway && isLive(state, seconds())) about();
  const revision = state.topics.device?.content?.revision;
  if (state.route.name === "device" && revision !== undefined && state.device?.revision !== revision) describe();
  lookUp();
  draw();
}, 500);

addEventListener("hashchange", navigate);
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !typing) {
    const field = document.querySelector("#filter");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
});
about();
navigate();
