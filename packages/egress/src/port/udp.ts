/** A UDP flow: where there is no allow list, to what is public. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { guestErrno } from "../dial/error.ts";
import type { Address } from "../policy/mod.ts";
import { DatagramReader, frameDatagram } from "./datagrams.ts";

/** A flow on which nothing moves for so long is over, milliseconds: what most routers keep it for. */
const IDLE_MS = 60_000;
/** Bytes that may wait for a guest that does not read, or for a network that is slower than the guest; what comes beyond is dropped, as datagrams are. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Bytes each way. */
export interface UdpTraffic {
  bytesUp: number;
  bytesDown: number;
}

/** A socket that speaks to one address. @throws {Error} with `errno` for the guest */
export async function openUdp(address: Address, port: number): Promise<Socket> {
  const socket = createSocket(address.family === 4 ? "udp4" : "udp6");
  try {
    socket.connect(port, address.text);
    await once(socket, "connect");
    return socket;
  } catch (error) {
    socket.close();
    throw Object.assign(error as Error, { errno: guestErrno(error) });
  }
}

/** Carries datagrams both ways until one end is gone, or nothing moves. Owns both. */
export async function relayUdp(stream: Duplex, socket: Socket, traffic: UdpTraffic): Promise<void> {
  const reader = new DatagramReader();
  const idle = setTimeout(() => stream.destroy(), IDLE_MS);
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => {
    idle.refresh();
    try {
      for (const datagram of reader.push(chunk)) {
        if (socket.getSendQueueSize() > MAX_WAITING_BYTES) continue;
        traffic.bytesUp += datagram.length;
        socket.send(datagram);
      }
    } catch {
      stream.destroy();
    }
  });
  stream.on("error", () => {});
  stream.once("end", () => stream.destroy());
  stream.once("close", resolve);
  socket.on("message", (datagram) => {
    idle.refresh();
    if (stream.writableLength > MAX_WAITING_BYTES) return;
    traffic.bytesDown += datagram.length;
    stream.write(frameDatagram(datagram));
  });
  // A port unreachable that came back: the next datagram may get through.
  socket.on("error", () => {});
  await promise;
  clearTimeout(idle);
  socket.close();
}
