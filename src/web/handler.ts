import type { Journal } from "../worker/master/journal/journal.ts";
import { asWritten, type RunningWorker, type WorkerStatus } from "../worker/status.ts";

/** What the handlers need of a worker. */
type StatusSource = Pick<RunningWorker, "status" | "prepareStatus">;

/**
 * Answers for a worker: `GET /health` is 200 while the process works, `GET /ready` 503 until the worker has its
 * partitions, and `GET /` its status as JSON.
 */
export function makeHandler(worker: StatusSource): (request: Request) => Response {
  return (request) => {
    const { pathname } = new URL(request.url);
    const answer = routes[pathname];
    if (answer === undefined) return json(404, { error: "There is nothing here. Try /, /health or /ready." }, request);
    if (request.method !== "GET" && request.method !== "HEAD") {
      const error = `${pathname} is only to be read: use GET.`;
      return json(405, { error }, request, { allow: "GET, HEAD" });
    }
    const { status, body } = answer(worker);
    return json(status, body, request);
  };
}

/**
 * The same, but that `GET /` of a worker that is not master has what the journal says of its timers. Where that cannot be
 * read, it has what the worker knows.
 */
export function makeInformedHandler(
  worker: StatusSource,
  journal: () => Promise<Journal | undefined>,
): (request: Request) => Promise<Response> {
  let reading: Promise<Journal | undefined> | undefined;
  /** Those who ask at once share one reading. */
  const read = () =>
    reading ??= journal().catch(() => undefined).finally(() => {
      reading = undefined;
    });
  const isWanted = ({ mastership, timers }: WorkerStatus) =>
    !mastership.master && timers.some(({ onMaster }) => onMaster);
  return async (request) => {
    const isStatus = new URL(request.url).pathname === "/";
    if (isStatus) await worker.prepareStatus?.();
    const found = isStatus && isWanted(worker.status()) ? await read() : undefined;
    return makeHandler(found ? { status: () => asWritten(worker.status(), found) } : worker)(request);
  };
}

type Answer = (worker: StatusSource) => { status: number; body: unknown };

const routes: Readonly<Record<string, Answer | undefined>> = Object.assign(
  Object.create(null),
  {
    "/": (worker) => ({ status: 200, body: worker.status() }),
    "/health": () => ({ status: 200, body: { healthy: true } }),
    "/ready": (worker) => {
      const { reason } = worker.status();
      if (reason === null) return { status: 200, body: { ready: true } };
      return { status: 503, body: { ready: false, reason } };
    },
  } satisfies Record<string, Answer>,
);

function json(status: number, body: unknown, request: Request, headers: Record<string, string> = {}): Response {
  const forPerson = request.headers.get("accept")?.includes("text/html") ?? false;
  const text = JSON.stringify(body, undefined, forPerson ? 2 : undefined) + "\n";
  return new Response(request.method === "HEAD" ? null : text, {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "content-length": String(new TextEncoder().encode(text).length),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
