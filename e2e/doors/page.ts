/**
 * A program for the sandbox: a page with a script and a WebSocket. The page has an image that comes when the WebSocket has done its
 * work, so that the page counts as loaded only then.
 */
export const PAGE = `
let done = Promise.withResolvers();
const html = \`<!doctype html>
<p id="script"></p><p id="socket"></p><p id="address"></p><p id="cookie"></p>
<script src="/script.js"></script>
<img src="/done.svg">\`;
const script = \`
  const show = (id, text) => document.getElementById(id).textContent = text;
  show("script", "loaded");
  show("address", location.pathname + location.search);
  show("cookie", document.cookie);
  const socket = new WebSocket("wss://" + location.host + "/socket");
  socket.onopen = () => socket.send("hello");
  socket.onmessage = ({ data }) => { show("socket", data); socket.send("done"); };
\`;
Deno.serve({ port: 8000 }, async (request) => {
  const { pathname } = new URL(request.url);
  const typed = (type, body) => new Response(body, { headers: { "content-type": type } });
  if (pathname === "/") {
    done = Promise.withResolvers();
    return typed("text/html", html);
  }
  if (pathname === "/script.js") return typed("text/javascript", script);
  if (pathname === "/done.svg") {
    await done.promise;
    return typed("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>');
  }
  if (pathname !== "/socket") return new Response(null, { status: 404 });
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => data === "done" ? done.resolve() : socket.send("echo " + data);
  return response;
});
`;
