const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const PACKED = /^~[\w-]{22}$/;
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/** A UUID in 23 characters instead of 36, where each counts; any other text as it is. */
export function packUuid(text: string): string {
  if (!UUID.test(text)) return text;
  let packed = "~";
  for (let rest = BigInt(`0x${text.replaceAll("-", "")}`); packed.length < 23; rest >>= 6n) {
    packed += DIGITS.charAt(Number(rest & 63n));
  }
  return packed;
}

/** What was packed. */
export function unpackUuid(text: string): string {
  if (!PACKED.test(text)) return text;
  let value = 0n;
  for (const digit of [...text.slice(1)].reverse()) value = value << 6n | BigInt(DIGITS.indexOf(digit));
  const hex = BigInt.asUintN(128, value).toString(16).padStart(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
