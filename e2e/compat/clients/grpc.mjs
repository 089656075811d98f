// @grpc/grpc-js without a .proto file: messages are JSON.
import grpc from "@grpc/grpc-js";

const pack = (value) => Buffer.from(JSON.stringify(value));
const unpack = (buffer) => JSON.parse(buffer);
const method = (path, streams) => ({
  path,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: pack,
  requestDeserialize: unpack,
  responseSerialize: pack,
  responseDeserialize: unpack,
});
const Client = grpc.makeGenericClientConstructor(
  { greet: method("/demo.Demo/Greet", false), chat: method("/demo.Demo/Chat", true) },
  "Demo",
);

const client = new Client("grpc.example.com:443", grpc.credentials.createSsl());
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${process.env.GRPC_TOKEN}`);

const unary = await new Promise((resolve, reject) => {
  let trailer;
  const call = client.greet({ name: "sandbox" }, metadata, (error, answer) =>
    error ? reject(error) : setImmediate(() => resolve({ answer, trailer })),
  );
  call.on("status", (status) => (trailer = status.metadata.get("answered-by")[0]));
});

// Each message is sent after the answer to the previous one.
const chat = await new Promise((resolve, reject) => {
  const call = client.chat(metadata);
  const answers = [];
  call.write({ count: 0 });
  call.on("data", (answer) => {
    answers.push(answer.count);
    if (answers.length < 3) call.write({ count: answer.count });
    else call.end();
  });
  call.on("error", reject);
  call.on("end", () => resolve(answers));
});

const refusal = await new Promise((resolve) => {
  client.greet({ name: "nobody" }, new grpc.Metadata(), (error) => resolve(error?.code));
});

console.log(JSON.stringify({ ...unary, chat, refusal }));
client.close();
