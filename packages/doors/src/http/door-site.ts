import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "@sandkeep/common";
import { ApiError } from "@sandkeep/protocol";
import { type HttpDoor, type HttpDoors, NotWoken } from "../contract.ts";
import type { Site } from "../gateway/sites.ts";
import { mayUseCookie } from "../tokens/origin.ts";
import { isNavigation, type Presented, takeTokens, tokenCookie } from "../tokens/presented.ts";
import { type Answer, breakOff, end, sendError, sendHead } from "./answer.ts";
import { DoorAgent } from "./door-agent.ts";
import { exchange } from "./exchange.ts";
import { PROBE_AFTER_MS } from "./limits.ts";
import { Occupancy } from "./occupancy.ts";
import { wantsWebSocket } from "./request-head.ts";
import { readVisit, type Visit } from "./visit.ts";
import { noticeEnd, serveWebSocket, Upgrade } from "./web-socket.ts";

/** Where certificate authorities ask for a proof that a name is somebody's (RFC 8555, section 8.3). */
const CHALLENGES = "/.well-known/acme-challenge/";

/** When visitors of a name that has just moved try again, milliseconds. */
const MOVED_RETRY_MS = 1_000;

export interface DoorSiteOptions {
  /** Requests and WebSockets that may be open at all doors together. */
  maxOpen: number;
  /** Whether visitors come through a proxy that terminates TLS, and never directly. */
  behindTls: boolean;
  log: Logger;
}

/** A door in use: its connections into the sandbox. */
interface Entrance {
  agent: DoorAgent;
  closing: Disposable;
}

/** A visitor who may pass. */
interface Admitted {
  door: HttpDoor;
  /** Without anything that is only for the gateway. */
  visit: Visit;
}

/** Answers everything that is addressed to HTTP doors. */
export class DoorSite implements Site {
  readonly sendsContinue = true;
  readonly #doors: HttpDoors;
  readonly #options: DoorSiteOptions;
  readonly #occupancy: Occupancy;
  readonly #entrances = new Map<string, Entrance>();

  constructor(doors: HttpDoors, options: DoorSiteOptions) {
    this.#doors = doors;
    this.#options = options;
    this.#occupancy = new Occupancy(options.maxOpen);
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    request.socket.setKeepAlive(true, PROBE_AFTER_MS);
    void this.#serve(request, response);
  }

  http2(request: Http2ServerRequest, response: Http2ServerResponse): void {
    void this.#serve(request, response);
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    void this.#upgrade(new Upgrade(request, socket, head));
  }

  async #upgrade(upgrade: Upgrade): Promise<void> {
    const { request, socket } = upgrade;
    let visit: Visit | null = null;
    try {
      visit = readVisit(request, this.#options.behindTls);
      if (!wantsWebSocket(visit) || visit.hasBody)
        throw new ApiError("INVALID_REQUEST", "Only upgrades to WebSocket are possible, and they have no body.");
      let admitted: Admitted | null = this.#admit(visit);
      using _place = this.#occupancy.enter(admitted.door);
      if (this.#doors.sleeps(admitted.door)) {
        using _waiting = noticeEnd(socket);
        admitted = await this.#woken(admitted.door, visit, socket);
      }
      if (!admitted) return;
      using _closing = this.#doors.onClose(admitted.door, () => socket.destroy());
      await serveWebSocket({ doors: this.#doors, door: admitted.door }, admitted.visit, upgrade);
    } catch (error) {
      sendError(upgrade.refusal, this.#asApiError(error), visit);
    }
  }

  async #serve(request: IncomingMessage | Http2ServerRequest, answer: Answer): Promise<void> {
    answer.on("error", () => {});
    let visit: Visit | null = null;
    try {
      visit = readVisit(request, this.#options.behindTls);
      let admitted = this.#admit(visit, answer);
      if (!admitted) return;
      using _place = this.#occupancy.enter(admitted.door);
      if (this.#doors.sleeps(admitted.door)) admitted = await this.#woken(admitted.door, visit, answer);
      if (!admitted) return;
      const { door } = admitted;
      using _closing = this.#doors.onClose(door, () => breakOff(answer));
      await exchange(this.#agent(door), admitted.visit, request, answer);
    } catch (error) {
      sendError(answer, this.#asApiError(error), visit);
    }
  }

  /**
   * Waits until the sandbox behind a door runs; null if the visitor leaves before.
   *
   * @throws {ApiError} also those of `#admit`
   */
  async #woken(door: HttpDoor, visit: Visit, visitor: Answer | Socket): Promise<Admitted | null> {
    const leaving = new AbortController();
    const leave = () => leaving.abort();
    visitor.once("close", leave);
    try {
      await this.#doors.wake(door, visit.address, leaving.signal);
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    } finally {
      visitor.off("close", leave);
    }
    if (leaving.signal.aborted) return null;
    // The door may have closed meanwhile, or its token have ended, or its name lead to another sandbox, which may be paused.
    const admitted = this.#admit(visit);
    if (admitted.door.sandboxId !== door.sandboxId)
      throw new NotWoken("This address leads to another sandbox now.", MOVED_RETRY_MS);
    return admitted;
  }

  /**
   * Lets a visitor pass who may. With an answer, a person with a token in the address is sent to the same address without it;
   * then the result is null.
   *
   * @throws {ApiError} `DOOR_NOT_FOUND`, `DOOR_TOKEN_REQUIRED`, `INVALID_REQUEST`
   */
  #admit(visit: Visit): Admitted;
  #admit(visit: Visit, answer: Answer): Admitted | null;
  #admit(whole: Visit, answer?: Answer): Admitted | null {
    const { visit, presented } = takeTokens(whole);
    if (visit.target.toLowerCase().startsWith(CHALLENGES))
      throw new ApiError("INVALID_REQUEST", "Only the server itself gets certificates for the names of doors.");
    const door = this.#doors.find(visit.host);
    // A token in the name of a public door would be another name for it.
    if (!door || (door.auth === "none" && visit.host !== whole.host)) throw new ApiError("DOOR_NOT_FOUND");
    if (door.auth === "none") return { door, visit };
    const accepted = this.#accepted(door, visit, presented);
    if (!accepted) throw new ApiError("DOOR_TOKEN_REQUIRED");
    if (answer && accepted.from === "query" && isNavigation(visit)) {
      const { secure, authority, target } = visit;
      sendHead(answer, 302, "Found", [
        // Whole, because browsers take a target that begins with two slashes for another host.
        ["Location", `${secure ? "https" : "http"}://${authority}${target}`],
        ["Set-Cookie", tokenCookie(accepted.token, accepted.expiresAt, Date.now())],
        ["Cache-Control", "no-store"],
        ["Referrer-Policy", "no-referrer"],
        ["Content-Length", "0"],
      ]);
      end(answer);
      return null;
    }
    return { door, visit };
  }

  /** The first token that opens a door: an old cookie must not keep out who has a new address. */
  #accepted(door: HttpDoor, visit: Visit, presented: readonly Presented[]): (Presented & { expiresAt: number }) | null {
    for (const { from, token } of presented) {
      if (from === "cookie" && !mayUseCookie(visit)) continue;
      const expiresAt = this.#doors.accepts(door, token);
      if (expiresAt !== null) return { token, from, expiresAt };
    }
    return null;
  }

  #agent(door: HttpDoor): DoorAgent {
    let entrance = this.#entrances.get(door.id);
    if (!entrance) {
      const agent = new DoorAgent(this.#doors, door);
      const closing = this.#doors.onClose(door, () => this.#close(door.id));
      entrance = { agent, closing };
      this.#entrances.set(door.id, entrance);
    }
    return entrance.agent;
  }

  #close(id: string): void {
    const entrance = this.#entrances.get(id);
    this.#entrances.delete(id);
    entrance?.closing[Symbol.dispose]();
    entrance?.agent.destroy();
  }

  #asApiError(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    this.#options.log.error({ err: error }, "a request to a door failed");
    return new ApiError("INTERNAL", undefined, { cause: error });
  }
}
