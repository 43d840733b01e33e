import { messageOf } from "../../core/errors.ts";
import { type AnySerializer, serializer, SERIALIZER_NAMES, type SerializerName } from "../../core/serializer.ts";
import { UsageError } from "./parse.ts";

/** What to call a serializer. */
export function serializerName(of: AnySerializer): SerializerName | "custom" {
  return SERIALIZER_NAMES.find((name) => serializer(name, name) === of) ?? "custom";
}

/**
 * The value that a word of the command line stands for: itself where the serializer takes text, else what it says in
 * JSON, else itself. Errors: a usage error for what begins as JSON does and is none.
 */
export function valueOf(word: string, of: AnySerializer): unknown {
  const name = serializerName(of);
  if (name === "raw" || name === "text") return word;
  try {
    return JSON.parse(word);
  } catch (error) {
    if (/^\s*[{["]/.test(word)) {
      throw new UsageError(`${JSON.stringify(word)} is not JSON: ${messageOf(error)}.`);
    }
    return word;
  }
}
