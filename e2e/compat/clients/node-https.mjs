// node's https module, two requests on one connection.
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const headers = { authorization: `Bearer ${process.env.API_TOKEN}` };

function get() {
  return new Promise((resolve, reject) => {
    const sent = request(process.argv[2], { agent, headers }, async (response) => {
      const answer = await text(response);
      if (response.statusCode === 200) resolve({ answer, reused: sent.reusedSocket });
      else reject(new Error(`${response.statusCode}: ${answer}`));
    });
    sent.once("error", reject).end();
  });
}

await get();
const { answer, reused } = await get();
if (!reused) throw new Error("the connection was not kept");
console.log(answer);
agent.destroy();
