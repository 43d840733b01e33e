import { WireError } from "../errors.ts";
import { includes, type Primitive, type Shape, type Struct, type Write } from "./fields.ts";
import { Output } from "./output.ts";
import { defaultOf } from "./read.ts";

type WriteFn = (out: Output, value: unknown) => void;

/** Makes the writer of a message's version. It throws `WireError` for a value that its field cannot carry. */
export function messageWriter<S extends Struct>(
  table: S,
  version: number,
  flexible: boolean,
): (out: Output, message: Write<S>) => void {
  return structWriter(table, version, flexible);
}

function structWriter(table: Struct, version: number, flexible: boolean): WriteFn {
  const steps: { name: string; write: WriteFn; or: () => unknown }[] = [];
  const tagged: { name: string; tag: number; write: WriteFn; or: () => unknown }[] = [];
  for (const [name, { shape, options }] of Object.entries(table)) {
    const { v, nullable, tag } = options;
    if (v !== undefined && !includes(v, version)) continue;
    const canBeNull = nullable !== undefined && includes(nullable, version);
    const write = named(name, shapeWriter(shape, version, flexible, canBeNull));
    const or = defaultOf(shape, options.or);
    if (tag === undefined) steps.push({ name, write, or });
    else tagged.push({ name, tag, write, or });
  }
  tagged.sort((a, b) => a.tag - b.tag);
  return (out, value) => {
    const message = value as Readonly<Record<string, unknown>>; // the codec's edge
    for (const { name, write, or } of steps) {
      const field = message[name];
      write(out, field === undefined ? or() : field);
    }
    if (!flexible) return;
    const present = tagged.filter(({ name, or }) => message[name] !== undefined && !isSame(message[name], or()));
    out.writer.unsignedVarint(present.length);
    for (const { name, tag, write } of present) {
      const content = new Output();
      write(content, message[name]);
      const pieces = content.finish();
      out.writer.unsignedVarint(tag).unsignedVarint(sizeOf(pieces));
      for (const piece of pieces) out.writer.raw(piece);
    }
  };
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (Array.isArray(a) && Array.isArray(b) && a.length === 0 && b.length === 0);
}

/** So that a value that does not fit names its field. */
function named(name: string, write: WriteFn): WriteFn {
  return (out, value) => {
    try {
      write(out, value);
    } catch (error) {
      throw new WireError(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  };
}

function shapeWriter(shape: Shape, version: number, flexible: boolean, nullable: boolean): WriteFn {
  if (shape.is === "struct") {
    const write = structWriter(shape.of, version, flexible);
    if (!nullable) return write;
    return (out, value) => {
      out.writer.int8(value === null ? -1 : 1);
      if (value !== null) write(out, value);
    };
  }
  if (shape.is !== "array") return primitiveWriter(shape.is, flexible, nullable);
  const item = shapeWriter(shape.of, version, flexible, false);
  return (out, value) => {
    if (value === null) {
      writeLength(out, -1, flexible, nullable);
      return;
    }
    const items = value as readonly unknown[];
    writeLength(out, items.length, flexible, nullable);
    for (const each of items) item(out, each);
  };
}

function writeLength(out: Output, length: number, flexible: boolean, nullable: boolean): void {
  if (length < 0 && !nullable) throw new WireError("null in a field that cannot be null");
  if (flexible) out.writer.unsignedVarint(length + 1);
  else out.writer.int32(length);
}

function primitiveWriter(is: Primitive, flexible: boolean, nullable: boolean): WriteFn {
  switch (is) {
    case "boolean":
      return (out, value) => out.writer.boolean(value === true);
    case "int8":
      return (out, value) => out.writer.int8(value as number);
    case "int16":
      return (out, value) => out.writer.int16(value as number);
    case "uint16":
      return (out, value) => out.writer.int16(((value as number) << 16) >> 16);
    case "int32":
      return (out, value) => out.writer.int32(value as number);
    case "int64":
      return (out, value) => out.writer.int64(value as number);
    case "uuid":
      return (out, value) => out.writer.uuid(value as string);
    case "string":
      return (out, value) => {
        if (value === null && !nullable) throw new WireError("null in a field that cannot be null");
        if (flexible) out.writer.compactNullableString(value as string | null);
        else out.writer.nullableString(value as string | null);
      };
    case "bytes":
      return (out, value) => {
        if (value === null && !nullable) throw new WireError("null in a field that cannot be null");
        if (flexible) out.writer.compactNullableBytes(value as Uint8Array | null);
        else out.writer.nullableBytes(value as Uint8Array | null);
      };
    case "records":
      return (out, value) => {
        const pieces = value instanceof Uint8Array ? [value] : value as readonly Uint8Array[] | null;
        writeLength(out, pieces === null ? -1 : sizeOf(pieces), flexible, nullable);
        for (const piece of pieces ?? []) out.piece(piece);
      };
  }
}

export function sizeOf(pieces: readonly Uint8Array[]): number {
  let size = 0;
  for (const piece of pieces) size += piece.length;
  return size;
}
