import { FINAL } from "./codes.js";

/** Bytes of input that the server has not taken yet, and bytes of one message. The server disconnects who sends more. */
const WINDOW = 64 * 1024;
const MESSAGE = 16 * 1024;
/** Bytes of input that wait for that. Somebody who pastes more is told so. */
const MAX_WAITING = 4 * 1024 * 1024;
/** The server is told what has been drawn whenever that is so many bytes more. */
const TELL = 16 * 1024;
/** The server says something every 15 seconds. After this time without a word, the connection is dead, in milliseconds. */
const SILENT_MS = 45_000;
/** How long to wait before the next attempt to connect, in milliseconds; the last one is repeated. */
const WAITS_MS = [100, 500, 1_000, 2_000, 4_000, 8_000, 15_000];

/**
 * The way to the shell, over one WebSocket after another. Counts bytes in both directions, so that nothing is lost or doubled by a new
 * connection.
 */
export class Link {
  #url;
  #handlers;
  #encoder = new TextEncoder();
  #socket = null;
  #secret;
  #token;
  #size;
  #attempt = 0;
  #timer;
  #silence;
  /** Bytes of output: received, drawn, and what of that the server knows. */
  #received = 0;
  /** Up to here, output has been seen before, by a page that is no more. */
  #seen = 0;
  #drawn = 0;
  #told = 0;
  /** Output before a reset of the terminal counts no more. */
  #epoch = 0;
  /** Input that the server may not have yet, and its position in all of the input. */
  #input = new Uint8Array(0);
  #base = 0;
  /** Positions in the input: what has been sent, and what the shell has taken of that. */
  #sent = 0;
  #taken = 0;
  /** Whether nothing can have been sent yet. */
  #isNew = true;
  #open = false;

  /**
   * @param handlers `opened(sandbox, secret)`, `resumed(sandbox)`, `print(bytes, isReplay, drawn)`, `reset()`, `lost()`, `over(code, reason)`,
   *   `exit(code, signal)`
   */
  constructor(url, { token = null, secret = null, size, handlers }) {
    this.#url = url;
    this.#token = token;
    this.#secret = secret;
    this.#size = size;
    this.#handlers = handlers;
    addEventListener("online", () => this.#soon());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#soon());
    this.connect();
  }

  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#listen();
      const hello =
        this.#secret === null
          ? { type: "open", token: this.#token }
          : { type: "resume", secret: this.#secret, received: this.#received };
      this.#tell({ ...hello, ...this.#size });
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#listen();
      if (data instanceof ArrayBuffer) this.#print(new Uint8Array(data));
      else this.#take(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
  }

  resize(size) {
    this.#size = size;
    if (this.#open) this.#tell({ type: "resize", ...size });
  }

  /** Sends text that is typed or pasted. False if too much waits already. */
  type(text) {
    return this.#push(this.#encoder.encode(text));
  }

  /** Sends bytes, each as a character up to 255: mouse reports that are no text. */
  typeBytes(text) {
    return this.#push(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  }

  #push(bytes) {
    if (this.#input.length + bytes.length > MAX_WAITING) return false;
    const input = new Uint8Array(this.#input.length + bytes.length);
    input.set(this.#input);
    input.set(bytes, this.#input.length);
    this.#input = input;
    this.#send();
    return true;
  }

  #send() {
    if (!this.#open) return;
    const limit = Math.min(this.#base + this.#input.length, this.#taken + WINDOW);
    while (this.#sent < limit) {
      const to = Math.min(limit, this.#sent + MESSAGE);
      this.#socket.send(this.#input.subarray(this.#sent - this.#base, to - this.#base));
      this.#sent = to;
    }
  }

  #print(bytes) {
    const isReplay = this.#received < this.#seen;
    this.#received += bytes.length;
    const epoch = this.#epoch;
    this.#handlers.print(bytes, isReplay, () => {
      if (epoch !== this.#epoch) return;
      this.#drawn += bytes.length;
      if (this.#drawn - this.#told < TELL || !this.#open) return;
      this.#told = this.#drawn;
      this.#tell({ type: "drawn", bytes: this.#drawn });
    });
  }

  #take(message) {
    switch (message.type) {
      case "ping":
        return this.#tell({ type: "pong" });
      case "taken":
        this.#taken = Math.max(this.#taken, message.bytes);
        this.#forget(this.#taken);
        return this.#send();
      case "opened":
        this.#secret = message.secret;
        this.#token = null;
        this.#ready();
        return this.#handlers.opened(message.sandbox, message.secret);
      case "resumed": {
        const isElsewhere = message.from !== this.#received;
        if (isElsewhere) {
          this.#epoch++;
          this.#received = this.#drawn = message.from;
          this.#handlers.reset();
        }
        // What only was on its way to this page is new to it.
        this.#seen = this.#isNew || isElsewhere ? message.seen : 0;
        this.#told = this.#drawn;
        // A page that was loaded again does not know how much came before.
        if (this.#isNew) this.#base = message.typed;
        else this.#forget(message.typed);
        this.#sent = message.typed;
        this.#ready();
        return this.#handlers.resumed(message.sandbox);
      }
      case "exit":
        return this.#handlers.exit(message.code, message.signal);
    }
  }

  /** The server has the input up to this position. */
  #forget(position) {
    const known = Math.max(0, position - this.#base);
    this.#input = this.#input.subarray(known);
    this.#base += known;
  }

  #ready() {
    this.#open = true;
    this.#isNew = false;
    this.#attempt = 0;
    this.#tell({ type: "resize", ...this.#size });
    this.#send();
  }

  #tell(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #listen() {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#silence = setTimeout(() => {
      // Its closing handshake would never end either.
      socket.close();
      this.#closed(socket, 1006, "");
    }, SILENT_MS);
  }

  #closed(socket, code, reason) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#open = false;
    clearTimeout(this.#silence);
    if (FINAL.has(code)) return this.#handlers.over(code, reason);
    this.#handlers.lost();
    const wait = WAITS_MS[Math.min(this.#attempt++, WAITS_MS.length - 1)];
    this.#timer = setTimeout(() => this.connect(), wait);
  }

  /** The network is back, or the person. */
  #soon() {
    if (this.#timer === undefined) return;
    this.#attempt = 0;
    this.connect();
  }
}
