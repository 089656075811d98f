import { FitAddon } from "./addon-fit.js";
import { Unicode11Addon } from "./addon-unicode11.js";
import { WebLinksAddon } from "./addon-web-links.js";
import { pastable, plainTitle, webLink } from "./titles.js";
import { Terminal } from "./xterm.js";

const THEME = {
  background: "#0f1115",
  foreground: "#d7dae0",
  cursor: "#e5b567",
  cursorAccent: "#0f1115",
  selectionBackground: "#3d4655",
  black: "#2a2f38",
  red: "#ef7d74",
  green: "#7fc97f",
  yellow: "#e5b567",
  blue: "#7aa6e8",
  magenta: "#c792dd",
  cyan: "#6cc5c9",
  white: "#d7dae0",
  brightBlack: "#6b7482",
  brightRed: "#ff9c94",
  brightGreen: "#a3e2a1",
  brightYellow: "#f6d08c",
  brightBlue: "#a3c5ff",
  brightMagenta: "#dfb3f2",
  brightCyan: "#93e3e6",
  brightWhite: "#f6f7f9",
};

const FONT = `ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono", monospace`;

/** How many lines one can scroll back. */
const SCROLLBACK = 10_000;

/**
 * The terminal in the page. What is printed comes from the sandbox: it can neither write to the clipboard (xterm does not know OSC 52 by
 * itself) nor open anything without a click.
 *
 * @param handlers `type(text)`, `typeBytes(text)`, `resize(size)`, `title(text)`, `hover(url or null)`
 */
export function openScreen(element, handlers) {
  const leave = () => handlers.hover(null);
  const open = (_event, text) => {
    const url = webLink(text);
    if (url) window.open(url, "_blank", "noopener,noreferrer");
  };
  const hover = (_event, text) => handlers.hover(webLink(text));
  const terminal = new Terminal({
    // For the widths of characters.
    allowProposedApi: true,
    cursorBlink: true,
    fontFamily: FONT,
    fontSize: 14,
    lineHeight: 1.2,
    // Links that programs make have a text of their own: where they lead to is shown, as for all others.
    linkHandler: { activate: open, hover, leave },
    macOptionClickForcesSelection: true,
    minimumContrastRatio: 1,
    scrollback: SCROLLBACK,
    theme: THEME,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new Unicode11Addon());
  terminal.loadAddon(new WebLinksAddon(open, { hover, leave }));
  terminal.unicode.activeVersion = "11";
  terminal.open(element);
  terminal.attachCustomKeyEventHandler(keys(terminal));
  terminal.onData(handlers.type);
  terminal.onBinary(handlers.typeBytes);
  terminal.onResize(({ cols, rows }) => handlers.resize({ cols, rows }));
  terminal.onTitleChange((text) => handlers.title(plainTitle(text)));
  element.addEventListener("paste", (event) => paste(terminal, event), { capture: true });
  fit.fit();
  new ResizeObserver(() => fit.fit()).observe(element);
  terminal.focus();
  return terminal;
}

/** Instead of xterm, which would pass on what it gets. */
function paste(terminal, event) {
  event.preventDefault();
  event.stopImmediatePropagation();
  terminal.paste(pastable(event.clipboardData?.getData("text/plain") ?? ""));
}

/** As in other terminals, Ctrl+C and Ctrl+V are the program's, and with Shift the clipboard's. Everywhere else than on a Mac, that is. */
function keys(terminal) {
  return (event) => {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return true;
    if (event.code === "KeyC") {
      // The browser would open its tools.
      event.preventDefault();
      if (event.type === "keydown" && terminal.hasSelection()) document.execCommand("copy");
      return false;
    }
    // The browser pastes.
    return event.code !== "KeyV";
  };
}
