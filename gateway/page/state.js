// What the page knows, and how messages change it. Pure: no socket, no clock, no document.

export const SILENCE = 3; // seconds without a message after which nothing here counts as live
export const POINTS = 900; // of a tag's line
export const OLD_AFTER = 3; // intervals after which a value looks old

export const fresh = () => ({
  route: {name: "devices"},
  beat: null, // the gateway's time in the last beat
  heard: -Infinity, // page seconds of the last message
  open: false, // whether a socket is open
  broker: true, // whether the broker answers the gateway
  refused: false, // whether the gateway does not want this page
  lost: null, // page seconds since when it is not live
  names: [], // topics asked for whose key is not known yet, in this order
  keys: {}, // name by key
  topics: {}, // by name: {content, problem}
  lines: {}, // by tag: [[time, value], …]; a gap is [time, null]
  decimals: {}, // by tag: the most that were seen
  gateway: null, // what /api/v1 says
  device: null, // what the device's description says
  filter: {match: "", state: null, offset: 0, order: "severity"},
  plotted: null, // tags in the trend; null: the first that is fit
  forms: {}, // by device and action or tag: {values, errors, result, since, open}
  question: null, // the open dialog
});

export const isHeard = (state, now) => state.open && now - state.heard < SILENCE;
export const isLive = (state, now) => isHeard(state, now) && state.broker;

// One section after a change: entries that are null have gone.
const mergedSection = (former, section) => {
  if (!isMap(former) || !isMap(section)) return section;
  const both = {...former, ...section};
  for (const [name, value] of Object.entries(both)) if (value === null) delete both[name];
  return both;
};

const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export const applied = (content, change) => {
  const result = {...content};
  for (const [name, section] of Object.entries(change)) result[name] = mergedSection(result[name], section);
  return result;
};

// Takes in one message of the gateway.
export const heard = (state, message, now) => {
  state.heard = now;
  if (message.beat !== undefined) {
    state.beat = message.beat;
    state.broker = message.broker !== false;
    return;
  }
  if (message.opened !== undefined) {
    const name = state.names.shift();
    if (name !== undefined) state.keys[message.opened] = name;
    return;
  }
  if (message.key === null && message.problem) {
    const name = state.names.shift();
    if (name !== undefined) state.topics[name] = {content: null, problem: message.problem};
    return;
  }
  const name = state.keys[message.key];
  if (name === undefined) return;
  const topic = (state.topics[name] ??= {content: null, problem: null});
  if (message.problem) {
    topic.problem = message.problem;
    if (name === "device") gap(state);
  } else if (message.full) {
    topic.problem = null;
    topic.content = message.full;
    if (name === "device") began(state, message.full);
  } else if (message.change && topic.content) {
    topic.problem = null;
    topic.content = applied(topic.content, message.change);
    if (name === "device") noted(state, message.change.tags ?? {});
  }
};

// The socket has gone: what is known stays, and is no longer live.
export const lost = (state, now) => {
  state.open = false;
  state.names = [];
  state.keys = {};
  state.lost ??= now;
  gap(state);
};

const began = (state, content) => {
  for (const [tag, line] of Object.entries(content.lines ?? {})) {
    const former = state.lines[tag] ?? [];
    const last = former.length ? former[former.length - 1][0] : -Infinity;
    state.lines[tag] = [...former, ...line.filter(([at]) => at > last)].slice(-POINTS);
    for (const [, value] of line) seeDecimals(state, tag, value);
  }
  delete content.lines;
  noted(state, content.tags ?? {});
};

const noted = (state, tags) => {
  for (const [tag, entry] of Object.entries(tags)) {
    if (entry?.error) gapIn(state.lines[tag]);
    if (!entry || typeof entry.value !== "number" || entry.error) continue;
    seeDecimals(state, tag, entry.value);
    const line = (state.lines[tag] ??= []);
    if (line.length === 0 || line[line.length - 1][0] < entry.at) line.push([entry.at, entry.value]);
    if (line.length > POINTS) line.splice(0, line.length - POINTS);
  }
};

const gap = (state) => {
  for (const line of Object.values(state.lines)) gapIn(line);
};

const gapIn = (line) => {
  const last = line?.[line.length - 1];
  if (last && last[1] !== null) line.push([last[0] + 0.001, null]);
};

const seeDecimals = (state, tag, value) => {
  if (typeof value !== "number") return;
  const part = String(value).split(".")[1] ?? "";
  state.decimals[tag] = Math.max(state.decimals[tag] ?? 0, Math.min(part.length, 3));
};

export const shown = (value, decimals) => {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") {
    const much = Math.abs(value) >= 1e9 || (value !== 0 && Math.abs(value) < 1e-4);
    return much ? value.toPrecision(6) : value.toFixed(Number.isInteger(value) ? decimals ?? 0 : Math.max(decimals ?? 0, 1));
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
};

// How old a value is: it was true at `at`, and again when the device was last known to be well.
export const ageOf = (entry, alive, now) => {
  const at = entry.error ? entry.at : Math.max(entry.at ?? -Infinity, alive ?? -Infinity);
  return at === null || at === undefined || at === -Infinity ? null : Math.max(0, now - at);
};
