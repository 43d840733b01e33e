/** An address without what must not be seen: user and password. Of any text, also one that is no address. */
export function redact(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^]*@/i, "$1");
}
