import { WireError } from "../errors.ts";
import { Reader } from "../reader.ts";
import { includes, NO_UUID, type Primitive, type Read, type Shape, type Struct } from "./fields.ts";

/** Reads a message or a part of it. */
export type ReadFn = (reader: Reader) => unknown;

/** What fields are read by beside their shapes. */
interface Form {
  readonly version: number;
  readonly flexible: boolean;
  readonly int64: ReadFn;
}

/**
 * Makes the reader of a message's version; `int64`: how such numbers are read. Throws (the reader does) `WireError` for
 * bytes that are cut short or make no sense, such as an int64 beyond the safe integers. Tagged fields that the table does not know are stepped over, as the protocol wants it; bytes after the message
 * are left to the caller.
 */
export function messageReader<S extends Struct>(
  table: S,
  version: number,
  flexible: boolean,
  int64: ReadFn = (reader) => reader.int64(),
): (reader: Reader) => Read<S> {
  const read = structReader(table, { version, flexible, int64 });
  return (reader) => read(reader) as Read<S>; // the codec's edge: the table says what its type is
}

function structReader(table: Struct, form: Form): ReadFn {
  const { version, flexible } = form;
  const defaults: Record<string, () => unknown> = {};
  const steps: { name: string; read: ReadFn }[] = [];
  const tagged = new Map<number, { name: string; read: ReadFn }>();
  for (const [name, { shape, options }] of Object.entries(table)) {
    const { v, nullable, tag } = options;
    const present = v === undefined || includes(v, version);
    if (!present || tag !== undefined) defaults[name] = defaultOf(shape, options.or);
    if (!present) continue;
    const canBeNull = nullable !== undefined && includes(nullable, version);
    const step = { name, read: shapeReader(shape, form, canBeNull) };
    if (tag === undefined) steps.push(step);
    else tagged.set(tag, step);
  }
  const absent = Object.entries(defaults);
  return (reader) => {
    const message: Record<string, unknown> = {};
    for (const { name, read } of steps) message[name] = read(reader);
    for (const [name, value] of absent) message[name] = value();
    if (flexible) readTagged(reader, tagged, message);
    return message;
  };
}

function readTagged(
  reader: Reader,
  known: ReadonlyMap<number, { name: string; read: ReadFn }>,
  message: Record<string, unknown>,
): void {
  let previous = -1;
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    const tag = reader.unsignedVarint();
    if (tag <= previous) throw new WireError(`tag ${tag} after tag ${previous}`);
    previous = tag;
    const field = known.get(tag);
    const content = new Reader(reader.raw(reader.unsignedVarint()));
    if (field === undefined) continue;
    message[field.name] = field.read(content);
    if (content.remaining > 0) throw new WireError(`${content.remaining} bytes too many in ${field.name}`);
  }
}

function shapeReader(shape: Shape, form: Form, nullable: boolean): ReadFn {
  if (shape.is === "struct") {
    const read = structReader(shape.of, form);
    return nullable ? (reader) => reader.int8() < 0 ? null : read(reader) : read;
  }
  if (shape.is !== "array") return primitiveReader(shape.is, form, nullable);
  const item = shapeReader(shape.of, form, false);
  if (form.flexible) {
    return nullable
      ? (reader) => reader.compactNullableArray(() => item(reader))
      : (reader) => reader.compactArray(() => item(reader));
  }
  return nullable ? (reader) => reader.nullableArray(() => item(reader)) : (reader) => reader.array(() => item(reader));
}

function primitiveReader(is: Primitive, { flexible, int64 }: Form, nullable: boolean): ReadFn {
  switch (is) {
    case "boolean":
      return (reader) => reader.boolean();
    case "int8":
      return (reader) => reader.int8();
    case "int16":
      return (reader) => reader.int16();
    case "uint16":
      return (reader) => reader.int16() & 0xffff;
    case "int32":
      return (reader) => reader.int32();
    case "int64":
      return int64;
    case "uuid":
      return (reader) => reader.uuid();
    case "string":
      if (flexible) return nullable ? (r) => r.compactNullableString() : (r) => r.compactString();
      return nullable ? (r) => r.nullableString() : (r) => r.string();
    case "bytes":
    case "records":
      if (flexible) return nullable ? (r) => r.compactNullableBytes() : (r) => r.compactBytes();
      return nullable ? (r) => r.nullableBytes() : (r) => r.bytes();
  }
}

/** An int64, or the nearest safe integer. */
export function nearestInt64(reader: Reader): number {
  const value = reader.int32() * 2 ** 32 + (reader.int32() >>> 0);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

/** What a field is that a message does not have. Arrays are made anew, since they can be changed. */
export function defaultOf(shape: Shape, given: unknown): () => unknown {
  if (given !== undefined && !Array.isArray(given)) return () => given;
  switch (shape.is) {
    case "boolean":
      return () => false;
    case "int8":
    case "int16":
    case "uint16":
    case "int32":
    case "int64":
      return () => 0;
    case "uuid":
      return () => NO_UUID;
    case "string":
      return () => "";
    case "bytes":
    case "records":
      return () => new Uint8Array(0);
    case "array":
      return () => [];
    case "struct": {
      const fields = Object.entries(shape.of)
        .map(([name, field]) => [name, defaultOf(field.shape, field.options.or)] as const);
      return () => Object.fromEntries(fields.map(([name, value]) => [name, value()]));
    }
  }
}
