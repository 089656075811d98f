import grpc from "@grpc/grpc-js";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { Credential } from "./credential.ts";
import type { Upstream } from "./upstream.ts";

const HOST = "grpc.example.com";

const pack = (value: unknown) => Buffer.from(JSON.stringify(value));
const unpack = (buffer: Buffer) => JSON.parse(String(buffer)) as unknown;
const method = (path: string, streams: boolean) => ({
  path,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: pack,
  requestDeserialize: unpack,
  responseSerialize: pack,
  responseDeserialize: unpack,
});

/** A gRPC service with a unary method and one that streams in both directions; messages are JSON. */
export class GrpcServer implements Upstream {
  readonly host = HOST;
  readonly allow = `${HOST}:443`;
  readonly port: number;
  readonly credential: Credential;
  readonly #server: grpc.Server;

  private constructor(server: grpc.Server, port: number, credential: Credential) {
    this.#server = server;
    this.port = port;
    this.credential = credential;
  }

  static async start(authority: TestAuthority): Promise<GrpcServer> {
    const { cert, key } = await authority.issue([HOST]);
    const credential = new Credential("GRPC_TOKEN");
    const refused = (metadata: grpc.Metadata) => !credential.isBearer(metadata.get("authorization")[0]?.toString());
    const refusal = Object.assign(new Error("the credential is not right"), { code: grpc.status.UNAUTHENTICATED });
    const server = new grpc.Server();
    server.addService(
      { greet: method("/demo.Demo/Greet", false), chat: method("/demo.Demo/Chat", true) },
      {
        greet(
          { metadata, request }: grpc.ServerUnaryCall<{ name: string }, unknown>,
          answer: grpc.sendUnaryData<unknown>,
        ) {
          if (refused(metadata)) return answer(refusal);
          const trailer = new grpc.Metadata();
          trailer.set("answered-by", "test");
          answer(null, { greeting: `hello ${request.name}` }, trailer);
        },
        chat(call: grpc.ServerDuplexStream<{ count: number }, unknown>) {
          if (refused(call.metadata)) return void call.emit("error", refusal);
          call.on("data", ({ count }: { count: number }) => call.write({ count: count + 1 }));
          call.on("end", () => call.end());
        },
      },
    );
    const credentials = grpc.ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) },
    ]);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    return new GrpcServer(server, port, credential);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}
