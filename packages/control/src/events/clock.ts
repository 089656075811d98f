import { randomText } from "@sandkeep/protocol";

/** Digits whose order is the order of their characters. */
const TIME_DIGITS = 10;
const SEQUENCE_DIGITS = 4;
const RANDOM_DIGITS = 6;
const BASE = 32;

/** Gives each event its time and an id that sorts by time. Ids keep the order of events even if the clock steps back. */
export class EventClock {
  #time = 0;
  #sequence = 0;
  readonly #node = randomText(RANDOM_DIGITS);

  next(now: number = Date.now()): { id: string; time: number } {
    if (now > this.#time) {
      this.#time = now;
      this.#sequence = 0;
    } else if (++this.#sequence === BASE ** SEQUENCE_DIGITS) {
      this.#time++;
      this.#sequence = 0;
    }
    const digits = (value: number, length: number) => value.toString(BASE).padStart(length, "0");
    return {
      id: `evt_${digits(this.#time, TIME_DIGITS)}${digits(this.#sequence, SEQUENCE_DIGITS)}${this.#node}`,
      time: this.#time,
    };
  }
}
