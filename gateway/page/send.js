// Commands. Each is sent once, now, or not at all: there is no queue, and nothing is sent again by itself.

import {isLive} from "./state.js";
import {seconds} from "./live.js";

const MARGIN = 5; // seconds beyond the command's own time

export const newKey = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is there on https only
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

export const ask = async (path) => {
  const reply = await fetch(path, {signal: AbortSignal.timeout(10000)});
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.detail ?? reply.statusText);
  return body;
};

// What became of a command: {kind, body}, kind as in OUTCOMES.
export const command = async (state, method, path, body, key, limit) => {
  if (!isLive(state, seconds())) {
    return {kind: "not_executed", body: {detail: "The page is not live; nothing was sent."}};
  }
  let reply, told;
  try {
    reply = await fetch(path, {
      method,
      headers: {"Content-Type": "application/json", "Idempotency-Key": `"${key}"`, "X-Plcmq-Seen": String(state.beat)},
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(((limit ?? 5) + MARGIN) * 1000),
    });
    told = await reply.json();
  } catch (error) {
    return {kind: "unknown", body: {detail: `The connection to the gateway broke: ${error.message}`}, key};
  }
  if (reply.ok) return {kind: reply.headers.get("Idempotent-Replayed") ? "replayed" : "done", body: told};
  return {kind: told.outcome ?? "unknown", body: told};
};

// After a break: what became of a command, without carrying it out. Null where that cannot be told yet.
export const recalled = async (key) => {
  const told = await ask(`api/v1/requests/${key}`);
  if (told.state !== "answered") return told.state === "unknown_key" ? {kind: "not_executed", body: {detail: "The broker never got it."}} : null;
  const {ok, result, error} = told.reply;
  if (ok) return {kind: "done", body: result};
  return {kind: error.outcome, body: {detail: error.message, code: error.code, details: error.details}};
};
