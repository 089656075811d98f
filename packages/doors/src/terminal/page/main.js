import { FINAL } from "./codes.js";
import { Link } from "./link.js";
import { openScreen } from "./screen.js";

/** Where this tab keeps what leads back to its shell, so that it can be loaded again. */
const KEY = "sandkeep-terminal";

/** What the terminal answers to programs that ask for its cursor, its kind, its colours and the like. */
const ANSWER = /^\x1b(?:\[[?>=]?[\d;]*\$?[Rcntxy]|\]|P)/;

const find = (id) => document.getElementById(id);
const [sandboxText, titleText, stateText, targetText] = ["sandbox", "title", "state", "target"].map(find);

const token = location.hash.slice(1) || null;
// Out of the address bar, the history, and what people copy from there.
history.replaceState(null, "", location.pathname);
const kept = token === null ? sessionStorage.getItem(KEY) : null;
const { secret = null, sandbox: known = null } = kept ? JSON.parse(kept) : {};

let sandbox = known;
let link = null;
/** Pieces of output that are being drawn, and were before. Who has asked the terminal something in them has got the answer. */
let replays = 0;

const screen = openScreen(find("terminal"), {
  type,
  typeBytes: (text) => link?.typeBytes(text),
  resize: (size) => link?.resize(size),
  title: showTitle,
  hover: (url) => {
    targetText.hidden = url === null;
    targetText.textContent = url ?? "";
  },
});

showTitle("");
if (token === null && secret === null) over(4001, "This page needs a link.");
else
  link = new Link(new URL("socket", location.href.replace(/^http/, "ws")), {
    token,
    secret,
    size: { cols: screen.cols, rows: screen.rows },
    handlers: {
      opened: (id, key) => {
        sandbox = id;
        sessionStorage.setItem(KEY, JSON.stringify({ sandbox, secret: key }));
        connected();
      },
      resumed: (id) => {
        sandbox = id;
        connected();
      },
      print,
      reset: () => screen.reset(),
      lost: () => show(secret === null && sandbox === null ? "connecting" : "reconnecting"),
      exit: (code, signal) => {
        if (code !== 0) note(signal ? `The shell was ended by ${signal}.` : `The shell has ended with ${code}.`);
      },
      over,
    },
  });

function print(bytes, isReplay, drawn) {
  if (isReplay) replays++;
  screen.write(bytes, () => {
    if (isReplay) replays--;
    drawn();
  });
}

function type(text) {
  if (replays > 0 && ANSWER.test(text)) return;
  if (link?.type(text) === false) note("Too much at once: nothing was pasted.");
}

function connected() {
  find("over").hidden = true;
  sandboxText.textContent = sandbox;
  showTitle(titleText.textContent);
  show("connected");
}

function show(state, text = state) {
  document.body.dataset.state = state;
  stateText.textContent = text;
  screen.options.cursorBlink = state === "connected";
}

/** The window has the sandbox's id in its name, whatever the program in it says. */
function showTitle(text) {
  titleText.textContent = text;
  document.title = [text, sandbox ?? "Terminal", "Sandkeep"].filter(Boolean).join(" · ");
}

/** Says something in the terminal that does not come from the sandbox. */
function note(text) {
  screen.write(`\r\n\x1b[0m\x1b[33m${text}\x1b[0m\r\n`);
}

function over(code, reason) {
  const { state, remedy, again = false } = FINAL.get(code);
  if (!again) sessionStorage.removeItem(KEY);
  show("over", state);
  screen.options.disableStdin = !again;
  find("why").textContent = reason;
  find("remedy").replaceChildren(...help(code, remedy));
  find("again").hidden = !again;
  find("over").hidden = false;
}

/** The command that helps, and what it does. */
function help(code, remedy) {
  if (remedy === "") return [];
  const command = document.createElement("code");
  command.textContent = `sandkeep open ${sandbox ?? "ID"}`;
  return code === 4004 ? ["Open another with ", command, ` ${remedy}`] : [command, ` ${remedy}`];
}

find("again").addEventListener("click", () => {
  link.connect();
  screen.focus();
});

// Another link was opened in this tab.
addEventListener("hashchange", () => location.reload());
