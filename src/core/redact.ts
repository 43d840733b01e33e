/**
 * An address without what must not be seen: user and password, and what stands in parameters that we do not know. Of any
 * text, also one that is no address.
 */
export function redact(url: string): string {
  const rest = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^]*@/i, "$1");
  return rest.replace(/([?&](?!(?:sasl|ca)=)[^=&]*=)[^&]*/gi, "$1…");
}
