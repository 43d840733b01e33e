/**
 * How long after its slot a run begins, in ms: at least 0, and less than `spread`. By the timer's name and the slot
 * alone, so that every worker on every runtime says the same, and evenly, so that timers of one interval do not all
 * begin at once.
 */
export function spreadOf(name: string, slot: number, spread: number): number {
  return Math.floor(hash(`${name}@${slot}`) / 2 ** 32 * spread);
}

/** FNV-1a over the text's UTF-16 units, and MurmurHash3's finaliser, without which neighbouring slots stay neighbours. */
function hash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
