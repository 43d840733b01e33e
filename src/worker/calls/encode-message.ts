import type { ActorDefinition, OutgoingMessage } from "../../core/actor.ts";
import { describeValue, MephistoError } from "../../core/errors.ts";
import { encode, encodeValue } from "../../core/serializer.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";

const encoder = new TextEncoder();
const NO_HEADERS: OutgoingRecord["headers"] = [];

/**
 * The bytes of a message to an actor. Everything is checked before anything of it is on its way, since programs are not
 * checked when they run. `now`: its timestamp when the program gives none, in ms since the epoch. Errors: `ENCODE_FAILED`, with what is wrong and of which actor.
 */
export function encodeMessage(
  actor: ActorDefinition,
  message: OutgoingMessage<unknown, unknown>,
  now: number,
): OutgoingRecord {
  if (typeof message !== "object" || message === null || !("value" in message)) {
    throw invalid(actor, "send() takes { value, key?, headers?, timestamp? }");
  }
  const { key, value, headers, timestamp = now } = message;
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw invalid(actor, `its timestamp ${describeValue(timestamp)} is not a whole number of milliseconds since 1970`);
  }
  return {
    topic: actor.topic,
    key: key === undefined || key === null
      ? null
      : encode(actor.keySerializer, key, `The key of a message to ${actor.name}`),
    value: encodeValue(actor.valueSerializer, value, `A message to ${actor.name}`),
    headers: headers === undefined ? NO_HEADERS : headersOf(actor, headers),
    timestamp,
  };
}

/** The records with these headers after their own, as text. */
export function withHeaders(
  records: readonly OutgoingRecord[],
  more: Readonly<{ [name: string]: string }>,
): OutgoingRecord[] {
  const added = textHeaders(more);
  return records.map((record) => withHeader(record, added));
}

/** Headers of these texts. */
export function textHeaders(texts: Readonly<{ [name: string]: string }>): OutgoingRecord["headers"] {
  return Object.entries(texts).map(([name, value]): [string, Uint8Array] => [name, encoder.encode(value)]);
}

/** The record with these headers after its own. */
export function withHeader(record: OutgoingRecord, added: OutgoingRecord["headers"]): OutgoingRecord {
  return { ...record, headers: record.headers.length === 0 ? added : [...record.headers, ...added] };
}

function headersOf(actor: ActorDefinition, headers: unknown): OutgoingRecord["headers"] {
  if (typeof headers !== "object" || headers === null) {
    throw invalid(actor, "its headers are neither an object nor a list of pairs");
  }
  const pairs: Iterable<unknown> = Symbol.iterator in headers
    ? (headers as Iterable<unknown>)
    : Object.entries(headers);
  return Array.from(pairs, (pair): [string, Uint8Array | null] => {
    const [name, value]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof name !== "string") throw invalid(actor, "its headers are not pairs of a name and a value");
    if (typeof value === "string") return [name, encoder.encode(value)];
    if (value instanceof Uint8Array || value === null) return [name, value];
    throw invalid(actor, `its header ${JSON.stringify(name)} is neither text nor bytes, nor null`);
  });
}

function invalid({ name }: ActorDefinition, why: string): MephistoError {
  return new MephistoError("ENCODE_FAILED", `A message to ${name} cannot be sent: ${why}.`);
}
