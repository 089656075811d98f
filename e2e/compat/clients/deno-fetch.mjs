// Deno's fetch, which offers HTTP/2.
const response = await fetch(Deno.args[0], { headers: { authorization: `Bearer ${Deno.env.get("API_TOKEN")}` } });
if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
console.log(await response.text());
