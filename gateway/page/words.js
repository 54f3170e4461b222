// Every text of the page, in one place.

export const STATES = {
  down: {sign: "■", rank: 0, alarm: true},
  unserved: {sign: "◆", rank: 1, alarm: true},
  connecting: {sign: "△", rank: 2, warn: true},
  degraded: {sign: "△", rank: 3, warn: true},
  up: {sign: "○", rank: 4},
  idle: {sign: "–", rank: 5},
  disabled: {sign: "×", rank: 6},
};

export const OUTCOMES = {
  done: "Done.",
  replayed: "It was already carried out under this key.",
  not_executed: "Nothing happened at the machine.",
  executed: "It was carried out, but not as wanted.",
  unknown: "Nobody can say whether the machine did it. Look at it before you try again.",
};

export const WORDS = {
  live: "live",
  notLive: "not live",
  watching: "Watching only",
  noDevices: "There are no devices yet. Bring in a site file:",
  apply: "plcmq apply site.yaml",
  noMatch: "No device matches.",
  moves: "This moves the machine.",
  writes: "This changes the machine.",
  cancel: "Cancel",
  noProblems: "Nothing to report.",
  noAlarms: "This is a list, no alarm system: nothing is acknowledged here, and nothing is kept.",
  brokerAway: "The broker does not answer",
  quiet: "Nothing yet.",
  oldPage: "The connection was refused. Reload the page.",
};

export const gone = (seconds) =>
  `No connection to the gateway for ${Math.floor(seconds)} s: values are old, commands are switched off. Trying again.`;

export const away = "The broker does not answer the gateway: values are old, commands are switched off.";

export const waiting = (seconds) => `Waiting for the machine … ${seconds.toFixed(1)} s`;

export const question = (what, device) => `${what} on ${device}?`;

// Seconds as people say them.
export const span = (seconds) => {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  const s = Math.max(0, seconds);
  if (s < 100) return `${Math.floor(s)} s`;
  if (s < 6000) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
};

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
