// Anthropic's package, which reads its key from the environment.
import Anthropic from "@anthropic-ai/sdk";

const stream = await new Anthropic().messages.create({
  model: "claude-test",
  max_tokens: 100,
  messages: [{ role: "user", content: "Say something." }],
  stream: true,
});
for await (const event of stream) {
  if (event.type === "content_block_delta") console.log(JSON.stringify(event.delta.text));
}
