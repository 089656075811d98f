// Node's global WebSocket, which cannot send custom headers, so the secret is in the query.
const socket = new WebSocket(`wss://ws.example.com/?token=${process.env.WS_TOKEN}`);
socket.binaryType = "arraybuffer";

const next = () =>
  new Promise((resolve, reject) => {
    socket.addEventListener("message", ({ data }) => resolve(data), { once: true });
    socket.addEventListener("close", ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`)), {
      once: true,
    });
  });

await new Promise((resolve, reject) => {
  socket.addEventListener("open", resolve, { once: true });
  socket.addEventListener("error", ({ error }) => reject(error ?? new Error("the socket did not open")), {
    once: true,
  });
});
socket.send("text");
const text = await next();
// Larger than a frame with a short length, and larger than a buffer.
socket.send(new Uint8Array(300_000).fill(7));
const binary = new Uint8Array(await next());
console.log(JSON.stringify({ text, bytes: binary.length, same: binary.every((byte) => byte === 7) }));
socket.close();
