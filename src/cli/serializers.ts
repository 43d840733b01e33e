import { type AnySerializer, serializer } from "../core/serializer.ts";

const NAMES = ["raw", "text", "json"] as const;

/** What to call a serializer. */
export function serializerName(of: AnySerializer): "raw" | "text" | "json" | "custom" {
  return NAMES.find((name) => serializer(name, name) === of) ?? "custom";
}

/**
 * The value that a word of the command line stands for: itself where the serializer takes text, else what it says in
 * JSON, else itself.
 */
export function valueOf(word: string, of: AnySerializer): unknown {
  const name = serializerName(of);
  if (name === "raw" || name === "text") return word;
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}
