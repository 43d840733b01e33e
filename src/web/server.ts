import { lookup } from "node:dns/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { cannotListen, noSuchAddress } from "../core/cannot-listen.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import { isLocalHost, isLoopback } from "./hosts.ts";

/** Where to listen; port 0 is any free one. */
export interface ServeOptions {
  readonly port: number;
  /** An address or a name of this machine, such as `127.0.0.1`, `0.0.0.0` or `::1`. */
  readonly bind: string;
}

/** A web port that is open. */
export interface WebServer {
  /** `http://127.0.0.1:6066` */
  readonly address: string;
  /** Ends every connection at once, also those that are kept alive. */
  close(): Promise<void>;
}

/** A health check needs little; what takes more is cut off. */
const LIMITS = { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 };

/** A port that does not close must not keep a worker from ending. */
const CLOSE_TIMEOUT_MS = 1000;

/** Answers requests on a port. Errors: `PORT_IN_USE`, `INVALID_OPTION` for an address that cannot be listened on. */
export async function serve(
  handler: (request: Request) => Response | Promise<Response>,
  options: ServeOptions,
): Promise<WebServer> {
  const bind = options.bind.replace(/^\[(.*)\]$/, "$1");
  const localOnly = isLoopback(bind);
  const server = createServer(LIMITS, (incoming, outgoing) => {
    void respond(handler, incoming, outgoing, localOnly);
  });
  // Bun calls a name that it cannot resolve a taken port.
  const unknown = (cause: unknown) => Promise.reject(noSuchAddress({ host: bind, hostFlag: "--web-bind" }, cause));
  if (isIP(bind) === 0) await lookup(bind).catch(unknown);
  const port = await listen(server, options.port, bind);
  return { address: `http://${bind.includes(":") ? `[${bind}]` : bind}:${port}`, close: () => close(server) };
}

async function respond(
  handler: (request: Request) => Response | Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  localOnly: boolean,
): Promise<void> {
  const refuse = (status: number, error: string) =>
    outgoing.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(
      JSON.stringify({ error }) + "\n",
    );
  try {
    if (localOnly && !isLocalHost(incoming.headers.host)) {
      refuse(403, "This port answers only to localhost: the Host header names something else.");
      return;
    }
    const request = requestOf(incoming);
    if (request === undefined) {
      refuse(400, "This is not a request for a path.");
      return;
    }
    const response = await handler(request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(response.body === null ? undefined : new Uint8Array(await response.arrayBuffer()));
  } catch (error) {
    if (!outgoing.headersSent) refuse(500, `The answer could not be made: ${messageOf(error)}`);
    else outgoing.destroy();
  } finally {
    incoming.resume(); // a body that nobody asked for
  }
}

/** The request without its body: nothing here takes one. */
function requestOf({ url, method, headers }: IncomingMessage): Request | undefined {
  if (!url?.startsWith("/") || method === undefined) return undefined;
  const accept: Record<string, string> = headers.accept === undefined ? {} : { accept: headers.accept };
  try {
    return new Request(`http://localhost${url}`, { method, headers: accept });
  } catch {
    return undefined;
  }
}

function listen(server: Server, port: number, bind: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(refusal(cause, port, bind)));
    server.listen({ port, host: bind, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function refusal(cause: Error, port: number, host: string): MephistoError {
  const orElse = ", or do without it with --without-web";
  const listening = { what: "The web port", port, host, portFlag: "--web-port", hostFlag: "--web-bind", orElse };
  return cannotListen(cause, listening) ?? new MephistoError(
    "INVALID_OPTION",
    `The web port ${port} on ${host} cannot be opened: ${messageOf(cause)}.`,
    { cause },
  );
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
    setTimeout(resolve, CLOSE_TIMEOUT_MS).unref();
  });
}
