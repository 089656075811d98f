// OpenAI's package, which reads its key from the environment.
import OpenAI from "openai";

const stream = await new OpenAI().chat.completions.create({
  model: "gpt-test",
  messages: [{ role: "user", content: "Say something." }],
  stream: true,
});
for await (const chunk of stream) {
  const token = chunk.choices[0]?.delta?.content;
  if (token) console.log(JSON.stringify(token));
}
