/** A program for the sandbox behind a door: runs there with Deno. */
export const APP = `
Deno.serve({ port: 8000 }, async (request) => {
  const { pathname } = new URL(request.url);
  if (request.headers.get("upgrade") === "websocket") {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send("echo " + data);
    return response;
  }
  if (pathname === "/large") {
    let left = 32;
    return new Response(new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(1024 * 1024));
        else controller.close();
      },
    }));
  }
  if (pathname === "/count") {
    let bytes = 0;
    for await (const chunk of request.body ?? []) bytes += chunk.length;
    return new Response(String(bytes));
  }
  // A response that begins, and never ends.
  if (pathname === "/silence")
    return new Response(new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode("...")) }));
  if (pathname === "/events") {
    return new Response(new ReadableStream({
      async start(controller) {
        for (let at = 0; at < 3; at++) {
          controller.enqueue(new TextEncoder().encode("data: " + at + "\\n\\n"));
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        controller.close();
      },
    }), { headers: { "content-type": "text/event-stream" } });
  }
  return Response.json({ url: request.url, headers: Object.fromEntries(request.headers) });
});
`;
