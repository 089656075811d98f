import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { startApt } from "./apt.ts";
import { startEchoSocket } from "./echo-socket.ts";
import { GitServer } from "./git.ts";
import { GrpcServer } from "./grpc.ts";
import { startNpm } from "./npm.ts";
import { PostgresServer } from "./postgres.ts";
import { startPypi } from "./pypi.ts";
import { SshServer } from "./ssh.ts";
import { startAnthropic, startOpenAi } from "./tokens.ts";
import type { Upstream } from "./upstream.ts";
import { startWeb } from "./web.ts";

/** Every upstream, by what it serves. */
export async function startUpstreams(authority: TestAuthority, owned: AsyncDisposableStack) {
  const own = async <T extends Upstream>(starting: Promise<T>): Promise<T> => owned.use(await starting);
  return {
    web: await own(startWeb(authority)),
    git: await own(GitServer.start(authority)),
    apt: await own(startApt(authority)),
    pypi: await own(startPypi(authority)),
    npm: await own(startNpm(authority)),
    openai: await own(startOpenAi(authority)),
    anthropic: await own(startAnthropic(authority)),
    ws: await own(startEchoSocket(authority)),
    grpc: await own(GrpcServer.start(authority)),
    postgres: await own(PostgresServer.start(authority)),
    ssh: await own(SshServer.start()),
  };
}

/** Every upstream, by what it serves. */
export type Upstreams = Awaited<ReturnType<typeof startUpstreams>>;
