/**
 * The words in which the protocol's messages are described: tables of fields, as in Kafka's own message files (KIP-482,
 * KIP-896), from which one generic codec reads and writes every version, and from which the types are derived.
 *
 *     const response = { throttleTimeMs: int32({ v: "1+" }), topics: array({ name: string(), error: int16() }) };
 *     type Answer = Write<typeof response>;
 */

/** Versions of a message: "3+", "0-2" or "4". */
export type Versions = string;

export interface FieldOptions<T> {
  /** The versions that have the field; all if missing. In others it is read as its default and not written. */
  readonly v?: Versions;
  /** The versions in which it may be null; none if missing. */
  readonly nullable?: Versions;
  /** Its number, if it is a tagged field: one that is written only when it differs from its default. */
  readonly tag?: number;
  /** What it is when the message lacks it, else zero, "", [] or false; it may then be left out when writing. */
  readonly or?: T;
}

export type Primitive =
  | "boolean"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "int64"
  | "uuid"
  | "string"
  | "bytes"
  | "records";
export type Shape =
  | { readonly is: Primitive }
  | { readonly is: "struct"; readonly of: Struct }
  | { readonly is: "array"; readonly of: Shape };

/** A field that is read as `R`, written as `W`, and may be left out when writing if `O`. */
export interface Field<R, W = R, O extends boolean = boolean> {
  readonly shape: Shape;
  readonly options: FieldOptions<unknown>;
  /** Types only: nothing is there when the program runs. */
  readonly types?: { readonly read: R; readonly write: W; readonly optional: O };
}

// What a field is read as is only ever known from the table itself.
export type Struct = { readonly [name: string]: Field<unknown, unknown> };

/** What a message or a struct of it is read as: every field, of whatever version it is. */
export type Read<S extends Struct> = { -readonly [K in keyof S]: S[K] extends Field<infer R, unknown> ? R : never };

type OptionalKeys<S extends Struct> = {
  [K in keyof S]: S[K] extends Field<unknown, unknown, false> ? never : K;
}[keyof S];
type Written<F> = F extends Field<unknown, infer W> ? W : never;

/** What is given to be written as a message or a struct: fields that have a default may be left out. */
export type Write<S extends Struct> =
  & { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: Written<S[K]> }
  & { readonly [K in OptionalKeys<S>]?: Written<S[K]> };

type OrNull<T, O> = O extends { readonly nullable: string } ? T | null : T;
type HasDefault<O> = O extends { readonly or: unknown } ? true : O extends { readonly tag: number } ? true : false;
type Made<R, W, O> = Field<OrNull<R, O>, OrNull<W, O>, HasDefault<O>>;

/** Record batches as they are sent: of a request one view of it, for an answer any number of pieces. */
export type RecordPieces = readonly Uint8Array[];

function primitive<T, W = T>(is: Primitive) {
  return <const O extends FieldOptions<T | null> = Record<never, never>>(options?: O): Made<T, W, O> => ({
    shape: { is },
    options: options ?? {},
  });
}

export const boolean = primitive<boolean>("boolean");
export const int8 = primitive<number>("int8");
export const int16 = primitive<number>("int16");
export const uint16 = primitive<number>("uint16");
export const int32 = primitive<number>("int32");
/** A number; whoever makes the reader says what becomes of one beyond the safe integers. */
export const int64 = primitive<number>("int64");
/** 32 lower-case hexadecimal digits. */
export const uuid = primitive<string>("uuid");
export const string = primitive<string>("string");
export const bytes = primitive<Uint8Array>("bytes");
export const records = primitive<Uint8Array, RecordPieces>("records");

/** Structs in a row. */
export function array<S extends Struct, const O extends FieldOptions<readonly never[] | null> = Record<never, never>>(
  of: S,
  options?: O,
): Made<Read<S>[], readonly Write<S>[], O> {
  return { shape: { is: "array", of: { is: "struct", of } }, options: options ?? {} };
}

/** Primitive values in a row. */
export function list<R, W, const O extends FieldOptions<readonly never[] | null> = Record<never, never>>(
  of: Field<R, W>,
  options?: O,
): Made<R[], readonly W[], O> {
  return { shape: { is: "array", of: of.shape }, options: options ?? {} };
}

/** One struct. */
export function struct<S extends Struct, const O extends FieldOptions<null> = Record<never, never>>(
  of: S,
  options?: O,
): Made<Read<S>, Write<S>, O> {
  return { shape: { is: "struct", of }, options: options ?? {} };
}

/** The uuid of no topic. */
export const NO_UUID = "0".repeat(32);

/** Whether a version is one of those written as "3+", "0-2" or "4". */
export function includes(versions: Versions, version: number): boolean {
  const [from = "", to] = versions.split("-");
  if (from.endsWith("+")) return version >= Number.parseInt(from);
  return version >= Number(from) && version <= Number(to ?? from);
}
