import { get } from "node:http";

/** What a worker's web port says of it, as far as it matters here. */
export interface Probe {
  readonly ready: boolean;
  readonly master: boolean;
  readonly generation: number;
  /** How many partitions of its actors' topics it has. */
  readonly partitions: number;
}

/** How long an answer may take. */
const ANSWER_TIMEOUT_MS = 1000;

/** Asks the worker of this name on its web port; nothing when it does not answer, or when another does. */
export function probe(port: number, name: string): Promise<Probe | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => text += part);
      response.on("end", () => resolve(read(text, name)));
      response.on("error", () => resolve(undefined));
    });
    request.setTimeout(ANSWER_TIMEOUT_MS, () => request.destroy());
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
  });
}

function read(text: string, name: string): Probe | undefined {
  try {
    const { worker, ready, mastership, group, actors } = JSON.parse(text);
    if (worker !== name) return undefined;
    return {
      ready: ready === true,
      master: mastership?.master === true,
      generation: Number(group?.generation),
      partitions: (actors ?? []).reduce(
        (sum: number, actor: { partitions: unknown[] }) => sum + actor.partitions.length,
        0,
      ),
    };
  } catch {
    return undefined; // some other program's answer
  }
}
