// Node's own fetch, with a streamed body.
async function* body() {
  yield new TextEncoder().encode("one ");
  yield new TextEncoder().encode("two");
}
const response = await fetch(process.argv[2], {
  method: "POST",
  headers: { authorization: `Bearer ${process.env.API_TOKEN}` },
  body: body(),
  duplex: "half",
});
if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
console.log(await response.text());
