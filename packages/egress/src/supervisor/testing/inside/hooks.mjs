/** Hooks for tests: runs JavaScript from a request in the proxy's process, and answers with its result as JSON. */
const AsyncFunction = (async () => {}).constructor;

export default {
  async onRequest({ body }) {
    try {
      const code = await new Response(body).text();
      const result = await new AsyncFunction("load", code)((name) => import(name));
      return { answer: { status: 200, body: JSON.stringify(result ?? null) } };
    } catch (error) {
      return { answer: { status: 500, body: String(error.stack ?? error) } };
    }
  },
};
