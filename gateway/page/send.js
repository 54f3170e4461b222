// Commands. Each is sent once, now, or not at all: there is no queue, and nothing is sent again by itself.

import {isLive} from "./state.js";
import {seconds} from "./live.js";

const LATE = 10; // seconds after which the gateway refuses a command, with some to spare
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
  const sent = seconds();
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
    return {kind: "unknown", body: {detail: `The connection to the gateway broke: ${error.message}`}, key, sent};
  }
  if (reply.ok) return {kind: reply.headers.get("Idempotent-Replayed") ? "replayed" : "done", body: told};
  return {kind: told.outcome ?? "unknown", body: told};
};

// After a break: what became of a command, without carrying it out. Null where that cannot be told yet.
// A key that nobody knows is only certain when the command, should it still be on its way, would be refused as late.
export const recalled = async ({key, sent}) => {
  const late = seconds() - sent > LATE;
  const told = await ask(`api/v1/requests/${key}`);
  if (told.state === "unknown_key" && late) return {kind: "not_executed", body: {detail: "It never reached the machine."}};
  if (told.state !== "answered") return null;
  const {ok, result, error} = told.reply;
  if (ok) return {kind: "done", body: result};
  return {kind: error.outcome, body: {detail: error.message, code: error.code, details: error.details}};
};
