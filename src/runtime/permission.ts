/** What may need a permission on Deno. */
export type Permission =
  | { name: "env"; variable?: string }
  | { name: "sys"; kind?: "hostname" }
  | { name: "read"; path?: string }
  | { name: "write"; path?: string }
  | { name: "net"; host?: string }
  | { name: "run" | "ffi" };

interface DenoPermissions {
  permissions: { querySync(permission: Permission): { state: string } };
}

/**
 * Whether something may be read without Deno asking the person at the terminal for it: what is merely nice to have is
 * not worth a question. Always true elsewhere.
 */
export function granted(permission: Permission): boolean {
  const deno = (globalThis as { Deno?: DenoPermissions }).Deno;
  return deno === undefined || deno.permissions.querySync(permission).state === "granted";
}
