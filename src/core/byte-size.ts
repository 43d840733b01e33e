import { MephistoError } from "./errors.ts";

const UNITS: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A number of bytes: `512MiB`, `512m`, `1.5G`, `1048576`. Units are of 1024. Errors: `INVALID_OPTION`. */
export function bytesOf(text: string, from: string): number {
  const isBare = /^\d+$/.test(text.trim()) && Number(text) > 0 && Number(text) < 1024 ** 2;
  if (isBare) {
    const bare = text.trim();
    const sentence = `${from}: ${bare} has no unit, so it would be ${bare} bytes. Write ${bare}MiB or ${bare}GiB.`;
    throw new MephistoError("INVALID_OPTION", sentence);
  }
  const match = /^(\d+(?:\.\d+)?) ?([kmg]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = Math.round(Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ""] ?? NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new MephistoError(
    "INVALID_OPTION",
    `${from}: ${JSON.stringify(text)} is not a size. Give one such as 512MiB or 2GiB.`,
  );
}
