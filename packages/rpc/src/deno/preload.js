// Runs inside the guest, in a user's Deno process, before the user's program (deno run --preload), or as the first code of
// a REPL. It reports on a pipe when the program starts, and when it serves HTTP, and must not be noticed otherwise: it
// prints nothing, changes no behaviour, starts nothing, and what it needs it takes before the program can touch it.
{
  const { stringify } = JSON;
  const encoder = new TextEncoder();
  const encode = encoder.encode.bind(encoder);
  let pipe = null;

  function report(value) {
    try {
      const bytes = encode(`${stringify(value)}\n`);
      pipe.writeSync(bytes);
    } catch {
      // Nobody listens.
    }
  }

  try {
    pipe = Deno.openSync(`/proc/self/fd/${REPORT_FD}`, { write: true });
    // Under --watch each start of the program sends one of these.
    report({ started: Deno.pid });
  } catch {
    // Nobody listens.
  }

  // Deno.serve is created on first access. Keep that, because loading it takes a while.
  const property = Object.getOwnPropertyDescriptor(Deno, "serve");
  if (property?.configurable) {
    // Errors that Deno.serve throws show whom it was called by. Compiled under this name, the caller counts as Deno's own.
    // biome-ignore lint/security/noGlobalEval: the source is this literal
    const watch = (0, eval)(`(report) => {
      let original;
      let watched;
      const handler = {
        apply(target, self, args) {
          const server = Reflect.apply(target, self, args);
          report({ listening: server?.addr?.port ?? 0 });
          return server;
        },
      };
      return (serve) => {
        if (serve !== original) {
          original = serve;
          watched = typeof serve === "function" ? new Proxy(serve, handler) : serve;
        }
        return watched;
      };
    }
    //# sourceURL=ext:sandkeep/serve.js`)(report);
    if (property.get) {
      Object.defineProperty(Deno, "serve", {
        ...property,
        get() {
          return watch(Reflect.apply(property.get, this, []));
        },
      });
    } else {
      Object.defineProperty(Deno, "serve", { ...property, value: watch(property.value) });
    }
  }

  // Servers of node:http, node:https and node:http2 are net servers that answer requests.
  process.getBuiltinModule("node:diagnostics_channel").subscribe("tracing:net.server.listen:asyncEnd", ({ server }) => {
    try {
      if (
        typeof server.requestTimeout !== "number" &&
        !server.listenerCount("request") &&
        !server.listenerCount("stream")
      )
        return;
      const listen = () => report({ listening: server.address()?.port ?? 0 });
      if (server.address()) listen();
      else server.once("listening", listen);
    } catch {
      // Not a known kind of server.
    }
  });
}
