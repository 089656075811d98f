/** Finds a service as drivers of databases do (mongodb+srv), and connects to it. */
const dns = require("node:dns").promises;
const { connect } = require("node:net");

async function main() {
  const [services, texts] = await Promise.all([
    dns.resolveSrv("_mongodb._tcp.api.test.example"),
    dns.resolveTxt("api.test.example"),
  ]);
  const below = await dns.resolveTxt("x.wild.test.example").catch(({ code }) => code);
  const socket = connect(services[0].port, services[0].name);
  // The other end says nothing before it has been spoken to.
  socket.write("\0hello");
  socket.setTimeout(20_000, () => socket.destroy(new Error("no answer")));
  let received = "";
  for await (const chunk of socket) received += chunk;
  return { found: { services: services.map(({ name, port }) => `${name}:${port}`), texts, below, received } };
}

main().then(
  (outcome) => console.log(JSON.stringify(outcome)),
  (error) => console.log(JSON.stringify({ found: { error: error.code ?? String(error) } })),
);
