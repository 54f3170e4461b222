// The line to the gateway: one WebSocket while the page can be seen, and again when it broke.

import {heard, lost} from "./state.js";

const FIRST = 500, GROWTH = 1.7, MOST = 8000; // milliseconds before trying again
const REFUSED = 1008;

export const seconds = () => performance.now() / 1000;

export class Line {
  constructor(state, changed) {
    this.state = state;
    this.changed = changed;
    this.wanted = {}; // topics by name
    this.delay = FIRST;
    this.socket = null;
    this.timer = null;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.connect()));
    this.connect();
  }

  // Looks at these topics from now on, and at no others.
  want(topics) {
    for (const [name, topic] of Object.entries(this.wanted)) {
      if (JSON.stringify(topics[name]) !== JSON.stringify(topic)) this.forget(name);
    }
    const before = this.wanted;
    this.wanted = topics;
    for (const [name, topic] of Object.entries(topics)) {
      if (JSON.stringify(before[name]) !== JSON.stringify(topic)) this.open(name, topic);
    }
  }

  forget(name) {
    delete this.state.topics[name];
    for (const [key, known] of Object.entries(this.state.keys)) {
      if (known !== name) continue;
      delete this.state.keys[key];
      this.tell({close: key});
    }
  }

  open(name, topic) {
    if (this.tell({open: topic})) this.state.names.push(name);
  }

  tell(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  connect() {
    clearTimeout(this.timer);
    if (this.socket || document.hidden || this.state.refused) return;
    const url = new URL("api/v1/live", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => {
      this.state.open = true;
      this.state.names = [];
      for (const [name, topic] of Object.entries(this.wanted)) this.open(name, topic);
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.delay = FIRST;
      heard(this.state, JSON.parse(event.data), seconds());
      this.changed();
    };
    socket.onclose = (event) => this.broke(socket, event.code);
  }

  // A line that is open and silent is no line.
  drop() {
    const socket = this.socket;
    if (!socket) return;
    this.broke(socket, 0);
    socket.close();
  }

  broke(socket, code) {
    if (this.socket !== socket) return;
    this.socket = null;
    lost(this.state, seconds());
    if (code === REFUSED) this.state.refused = true;
    else if (!document.hidden) {
      this.timer = setTimeout(() => this.connect(), this.delay * (0.75 + Math.random() / 2));
      this.delay = Math.min(this.delay * GROWTH, MOST);
    }
    this.changed();
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    lost(this.state, seconds());
  }
}
