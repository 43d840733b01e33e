import { describeValue, kindOf, MephistoError, messageOf, withoutStop } from "./errors.ts";

/** What a `raw` value is: bytes whose `toString()` is their text, as Node's Buffer. */
export interface Bytes extends Uint8Array {
  toString(encoding?: string): string;
}

/** Turns values into bytes and back. `In` is what may be sent, where that is wider than what is received. */
export interface Serializer<T, In = T> {
  encode(value: In): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** JSON as it is received when nothing says more. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** The names of the serializers that there are. */
export const SERIALIZER_NAMES = ["raw", "text", "json"] as const;
export type SerializerName = (typeof SERIALIZER_NAMES)[number];

/** A named serializer, or one's own. */
// deno-lint-ignore no-explicit-any -- any serializer fits, whatever its types
export type SerializerSpec = SerializerName | Serializer<any, any>;

/** The type of the values that a serializer gives. */
export type Decoded<S> = S extends "raw" ? Bytes
  : S extends "text" ? string
  : S extends "json" ? Json
  : S extends Serializer<infer T, infer _In> ? T
  : never;

/** The type of the values that a serializer takes. */
export type Encodable<S> = S extends "raw" ? string | Uint8Array
  : S extends "text" ? string
  : S extends "json" ? unknown
  : S extends Serializer<infer _T, infer In> ? In
  : never;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as they are; text is sent as UTF-8. */
const raw: Serializer<Uint8Array, string | Uint8Array> = {
  encode(value) {
    if (typeof value === "string") return encoder.encode(value);
    if (value instanceof Uint8Array) return value;
    throw new TypeError(`the raw serializer takes text or bytes, not ${kindOf(value)}`);
  },
  decode: (bytes) => bytes,
};

/** Text as UTF-8; bytes that are not UTF-8 are an error. */
const text: Serializer<string> = {
  encode(value) {
    if (typeof value === "string") return encoder.encode(value);
    throw new TypeError(`the text serializer takes text, not ${kindOf(value)}`);
  },
  decode: (bytes) => decoder.decode(bytes),
};

/** JSON as UTF-8; what JSON cannot say (a function, a cycle, a bigint) is an error. */
const json: Serializer<Json, unknown> = {
  encode(value) {
    const encoded: string | undefined = JSON.stringify(value);
    if (encoded === undefined) throw new TypeError(`JSON has no form for ${kindOf(value)}`);
    return encoder.encode(encoded);
  },
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
};

/** What runs: a serializer of unknown values. The types are the concern of `app` and `actor`. */
export type AnySerializer = Serializer<unknown>;

/** The serializer that a name or an object stands for. Errors: `INVALID_OPTION`. `what` names the setting in the error. */
export function serializer(spec: SerializerSpec, what: string): AnySerializer {
  if (spec === "raw") return raw as AnySerializer;
  if (spec === "text") return text as AnySerializer;
  if (spec === "json") return json;
  if (typeof spec === "object" && typeof spec?.encode === "function" && typeof spec.decode === "function") return spec;
  throw new MephistoError(
    "INVALID_OPTION",
    `${what}: ${
      describeValue(spec)
    } is not a serializer. Give "raw", "text", "json" or an object with encode and decode.`,
  );
}

/** The name of a serializer, for people. */
export function serializerName(serializer: AnySerializer): string {
  if (serializer === raw) return '"raw"';
  if (serializer === text) return '"text"';
  return serializer === json ? '"json"' : "of its own";
}

/** Encodes a key, or throws `ENCODE_FAILED` with a sentence that names what was to be sent. */
export function encode(serializer: AnySerializer, value: unknown, what: string): Uint8Array {
  try {
    const bytes: unknown = serializer.encode(value);
    if (bytes instanceof Uint8Array) return bytes;
    // It may be rejected, when nobody waits for it any more.
    if (bytes instanceof Promise) bytes.catch(() => {});
    throw new TypeError(`its serializer gave ${kindOf(bytes)}, not bytes`);
  } catch (cause) {
    throw new MephistoError("ENCODE_FAILED", `${what} cannot be sent: ${withoutStop(messageOf(cause))}.`, { cause });
  }
}

/** Encodes a value as {@link encode}; `null` is a tombstone with any serializer: a message without a value. */
export function encodeValue(serializer: AnySerializer, value: unknown, what: string): Uint8Array | null {
  return value === null ? null : encode(serializer, value, what);
}

/** Decodes a value; a tombstone is `null` with any serializer. Errors: `DECODE_FAILED`, whose words follow `it`. */
export function decodeValue(serializer: AnySerializer, bytes: Uint8Array | null): unknown {
  if (bytes === null) return null;
  try {
    return serializer.decode(bytes);
  } catch (cause) {
    throw undecodable("value", serializer, cause, "");
  }
}

/** Decodes a key. Errors: as {@link decodeValue}. */
export function decodeKey(serializer: AnySerializer, bytes: Uint8Array): unknown {
  try {
    return serializer.decode(bytes);
  } catch (cause) {
    throw undecodable("key", serializer, cause, 'give keySerializer: "raw" if keys of this topic are bytes');
  }
}

function undecodable(what: "key" | "value", serializer: AnySerializer, cause: unknown, todo: string): MephistoError {
  const why = `its ${what} is not what the ${what}Serializer ${serializerName(serializer)} reads: ${messageOf(cause)}`;
  return new MephistoError("DECODE_FAILED", todo === "" ? why : `${why}; ${todo}`, { cause });
}
