import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { ApiError } from "@sandkeep/protocol";
import type { HttpDoor, HttpDoors } from "../contract.ts";
import type { Site } from "../gateway/sites.ts";
import { isNavigation, type Presented, takeTokens, tokenCookie } from "../tokens/presented.ts";
import { type Answer, breakOff, sendError, sendHead } from "./answer.ts";
import { DoorAgent } from "./door-agent.ts";
import { exchange } from "./exchange.ts";
import { MAX_OPEN_PER_DOOR, PROBE_AFTER_MS } from "./limits.ts";
import { wantsWebSocket } from "./request-head.ts";
import { readVisit, type Visit } from "./visit.ts";
import { plainAnswer, serveWebSocket } from "./web-socket.ts";

/** A door in use. */
interface Entrance {
  agent: DoorAgent;
  open: number;
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
  readonly #entrances = new Map<string, Entrance>();

  constructor(doors: HttpDoors) {
    this.#doors = doors;
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
    let visit: Visit | null = null;
    try {
      visit = readVisit(request);
      if (!wantsWebSocket(visit) || visit.hasBody)
        throw new ApiError("INVALID_REQUEST", "Only upgrades to WebSocket are possible, and they have no body.");
      const admitted = this.#admit(visit);
      const entrance = this.#enter(admitted.door);
      const closing = this.#doors.onClose(admitted.door, () => socket.destroy());
      void serveWebSocket({ doors: this.#doors, door: admitted.door }, admitted.visit, { request, socket, head }).then(
        () => {
          closing[Symbol.dispose]();
          entrance.open--;
        },
      );
    } catch (error) {
      sendError(plainAnswer(request, socket), asApiError(error), visit);
    }
  }

  async #serve(request: IncomingMessage | Http2ServerRequest, answer: Answer): Promise<void> {
    answer.on("error", () => {});
    let visit: Visit | null = null;
    try {
      visit = readVisit(request);
      const admitted = this.#admit(visit, answer);
      if (!admitted) return;
      const entrance = this.#enter(admitted.door);
      using _closing = this.#doors.onClose(admitted.door, () => breakOff(answer));
      using _leaving = { [Symbol.dispose]: () => void entrance.open-- };
      await exchange(entrance.agent, admitted.visit, request, answer);
    } catch (error) {
      sendError(answer, asApiError(error), visit);
    }
  }

  /**
   * Lets a visitor pass who may. With an answer, a person with a token in the address is sent to the same address without it;
   * then the result is null.
   *
   * @throws {ApiError} `DOOR_NOT_FOUND`, `DOOR_TOKEN_REQUIRED`
   */
  #admit(visit: Visit): Admitted;
  #admit(visit: Visit, answer: Answer): Admitted | null;
  #admit(whole: Visit, answer?: Answer): Admitted | null {
    const { visit, presented } = takeTokens(whole);
    const door = this.#doors.find(visit.host);
    // A token in the name of a public door would be another name for it.
    if (!door || (door.auth === "none" && presented.label !== null)) throw new ApiError("DOOR_NOT_FOUND");
    if (door.auth === "none") return { door, visit };
    const accepted = this.#accepted(door, presented);
    if (!accepted) throw new ApiError("DOOR_TOKEN_REQUIRED");
    if (answer && accepted.from === "query" && isNavigation(visit)) {
      sendHead(answer, 302, "Found", [
        ["Location", visit.target],
        ["Set-Cookie", tokenCookie(accepted.token, accepted.expiresAt, Date.now())],
        ["Cache-Control", "no-store"],
        ["Referrer-Policy", "no-referrer"],
        ["Content-Length", "0"],
      ]);
      answer.end();
      return null;
    }
    return { door, visit };
  }

  /** The first token that opens a door: an old cookie must not keep out who has a new address. */
  #accepted(door: HttpDoor, presented: Presented): { token: string; from: keyof Presented; expiresAt: number } | null {
    for (const from of ["query", "header", "label", "cookie"] as const) {
      const token = presented[from];
      const expiresAt = token === null ? null : this.#doors.accepts(door, token);
      if (token !== null && expiresAt !== null) return { token, from, expiresAt };
    }
    return null;
  }

  /** @throws {ApiError} `DOOR_BUSY` */
  #enter(door: HttpDoor): Entrance {
    let entrance = this.#entrances.get(door.id);
    if (!entrance) {
      const agent = new DoorAgent(this.#doors, door);
      const closing = this.#doors.onClose(door, () => this.#close(door.id));
      entrance = { agent, open: 0, closing };
      this.#entrances.set(door.id, entrance);
    }
    if (entrance.open >= MAX_OPEN_PER_DOOR) throw new ApiError("DOOR_BUSY");
    entrance.open++;
    return entrance;
  }

  #close(id: string): void {
    const entrance = this.#entrances.get(id);
    this.#entrances.delete(id);
    entrance?.closing[Symbol.dispose]();
    entrance?.agent.destroy();
  }
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError("INTERNAL", undefined, { cause: error });
}
