import type { ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { Gate } from "./gate.ts";
import { HttpsUpstream, refuse } from "./upstream.ts";

/** The answer of both models, token by token. */
export const TOKENS = ["Tokens ", "come ", "one ", "by ", "one."];

/** A model that sends each token only after the previous one was received. */
export type Model = HttpsUpstream & {
  /** Opened by the test for each further token. */
  gate: Gate;
};

/** An API like OpenAI's: `POST /v1/chat/completions` with `stream`. */
export async function startOpenAi(authority: TestAuthority): Promise<Model> {
  const gate = new Gate();
  const upstream = await HttpsUpstream.start(
    { host: "api.openai.com", authority, variable: "OPENAI_API_KEY" },
    (credential) => async (request, response) => {
      if (!credential.isBearer(request.headers.authorization)) return refuse(response);
      const { stream } = JSON.parse(await text(request)) as { stream: boolean };
      if (request.url !== "/v1/chat/completions" || !stream) return void response.writeHead(404).end();
      const chunk = (delta: object, reason: string | null) => ({
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        created: 0,
        model: "gpt-test",
        choices: [{ index: 0, delta, finish_reason: reason }],
      });
      begin(response);
      await trickle(gate, (token) => send(response, chunk({ content: token }, null)));
      send(response, chunk({}, "stop"));
      response.end("data: [DONE]\n\n");
    },
  );
  return Object.assign(upstream, { gate });
}

/** An API like Anthropic's: `POST /v1/messages` with `stream`. */
export async function startAnthropic(authority: TestAuthority): Promise<Model> {
  const gate = new Gate();
  const upstream = await HttpsUpstream.start(
    { host: "api.anthropic.com", authority, variable: "ANTHROPIC_API_KEY" },
    (credential) => async (request, response, url) => {
      // The package sends one or the other, depending on its version.
      const { authorization, "x-api-key": key } = request.headers;
      if (key !== credential.value && !credential.isBearer(authorization)) return refuse(response);
      const notFound = () => void response.writeHead(404).end();
      if (url.pathname !== "/v1/messages") return notFound();
      const { stream } = JSON.parse(await text(request)) as { stream: boolean };
      if (!stream) return notFound();
      const usage = { input_tokens: 1, output_tokens: 1 };
      const message = {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude-test",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      };
      const event = (data: { type: string }) => send(response, data, data.type);
      begin(response);
      event({ type: "message_start", message } as { type: string });
      event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as { type: string });
      await trickle(gate, (token) =>
        event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: token } } as {
          type: string;
        }),
      );
      event({ type: "content_block_stop", index: 0 } as { type: string });
      event({ type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage } as {
        type: string;
      });
      event({ type: "message_stop" });
      response.end();
    },
  );
  return Object.assign(upstream, { gate });
}

function begin(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
}

async function trickle(gate: Gate, sendToken: (token: string) => void): Promise<void> {
  for (const [index, token] of TOKENS.entries()) {
    if (index > 0) await gate.pass();
    sendToken(token);
  }
}

/** One server-sent event. */
function send(response: ServerResponse, data: object, event?: string): void {
  response.write(`${event ? `event: ${event}\n` : ""}data: ${JSON.stringify(data)}\n\n`);
}
