/** Names under which a machine means itself. */
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost|.*\.localhost)$/i;

/** Whether only this machine can reach what listens there. */
export function isLoopback(bind: string): boolean {
  return LOOPBACK.test(bind);
}

/**
 * Whether a request that came in on a loopback address may be answered. A page from elsewhere can have its own name
 * resolve to 127.0.0.1 (DNS rebinding) and read what it finds; the Host header then still says that name.
 */
export function isLocalHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  return LOOPBACK.test(host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"));
}
