/** A client whose sandbox may be slow. */
export interface Holder {
  readonly organisation: string;
  /** Bytes that it has sent and its sandbox has not taken yet. */
  readonly unread: number;
}

/** What all clients together have sent and their sandboxes have not taken yet. */
export class Backlog<Client extends Holder> {
  readonly #max: number;
  /** As of the last time that the client sent something. */
  readonly #bytes = new Map<Client, number>();
  #total = 0;

  /** @param max in bytes */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * To be called when a client has sent something. Returns who must leave because that is too much: who holds most in the organisation
   * that holds most, so that nobody can drive away others.
   */
  note(client: Client): Client | null {
    this.#set(client, client.unread);
    if (this.#total <= this.#max) return null;
    // Others' sandboxes have taken something meanwhile.
    for (const each of this.#bytes.keys()) this.#set(each, each.unread);
    return this.#total <= this.#max ? null : this.#heaviest();
  }

  forget(client: Client): void {
    this.#set(client, 0);
    this.#bytes.delete(client);
  }

  #set(client: Client, bytes: number): void {
    this.#total += bytes - (this.#bytes.get(client) ?? 0);
    this.#bytes.set(client, bytes);
  }

  #heaviest(): Client {
    const sum = (clients: readonly Client[]) => clients.reduce((bytes, each) => bytes + this.#bytes.get(each)!, 0);
    const organisations = Map.groupBy(this.#bytes.keys(), ({ organisation }) => organisation);
    const clients = [...organisations.values()].reduce((most, each) => (sum(each) > sum(most) ? each : most));
    return clients.reduce((most, each) => (this.#bytes.get(each)! > this.#bytes.get(most)! ? each : most));
  }
}
