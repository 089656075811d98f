// node's http2 module, two streams at once on one connection.

import { once } from "node:events";
import { connect } from "node:http2";
import { text } from "node:stream/consumers";

const url = new URL(process.argv[2]);
const session = connect(url.origin);

async function post(body) {
  const stream = session.request({
    ":method": "POST",
    ":path": url.pathname,
    authorization: `Bearer ${process.env.API_TOKEN}`,
  });
  stream.end(body);
  const [headers] = await once(stream, "response");
  const answer = await text(stream);
  if (headers[":status"] !== 200) throw new Error(`${headers[":status"]}: ${answer}`);
  return answer;
}

const [answer] = await Promise.all([post("one two"), post("three")]);
console.log(answer);
session.close();
