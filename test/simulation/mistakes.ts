/** A change of the source. */
export interface Change {
  /** From the root of the project. */
  readonly file: string;
  /** Stands in it once. */
  readonly from: string;
  readonly to: string;
}

/** A mistake in the source, and who finds it: the simulation, after how many seeds at the latest, or a file of tests. */
export interface SourceMistake extends Change {
  readonly name: string;
  readonly foundBy: { readonly within: number } | { readonly test: string };
}

const machine = (
  name: string,
  from: string,
  to: string,
  foundBy: SourceMistake["foundBy"] = { within: 400 },
): SourceMistake => ({ name, file: "src/core/membership/machine.ts", from, to, foundBy });

const elsewhere = (
  name: string,
  file: string,
  from: string,
  to: string,
  foundBy: SourceMistake["foundBy"] = { within: 400 },
): SourceMistake => ({ name, file, from, to, foundBy });

const rounds = { test: "test/core/membership/rounds.test.ts" };
const leases = { test: "test/core/membership/lease.test.ts" };
const claims = { test: "test/core/membership/claim.test.ts" };
const pinned = { test: "test/simulation/pinned.test.ts" };
const hindered = { test: "test/simulation/lost-rounds.test.ts" };

/** Mistakes in the membership, transition by transition: `--mutants` tries them. */
export const MEMBERSHIP: readonly SourceMistake[] = [
  machine(
    "a lease is counted from a SyncGroup's answer",
    "this.lease.renew(sent.at);\n    this.#hindrance.over();",
    "this.lease.renew(this.lease.now());\n    this.#hindrance.over();",
  ),
  machine(
    "a lease is counted from a JoinGroup's answer",
    "this.lease.signOfLife(sent.at);\n    this.#grace.joined();",
    "this.lease.signOfLife(this.lease.now());\n    this.#grace.joined();",
  ),
  machine(
    "a heartbeat that is answered REBALANCE_IN_PROGRESS is no sign of life",
    'case "REBALANCE_IN_PROGRESS":\n        this.lease.signOfLife(sent.at);',
    'case "REBALANCE_IN_PROGRESS":',
    leases,
  ),
  machine(
    "what a round is answered that was given up counts",
    '!("sent" in state) || state.sent !== event.sent',
    '!("sent" in state)',
    leases,
  ),
  machine(
    "a member that is removed keeps its lease",
    "hangsUp: boolean): void {\n    this.lease.end();",
    "hangsUp: boolean): void {",
  ),
  machine(
    "NOT_COORDINATOR does not end the lease",
    'case "NOT_COORDINATOR":\n        this.lease.end();',
    'case "NOT_COORDINATOR":',
    leases,
  ),
  machine(
    "FENCED_INSTANCE_ID does not end the lease",
    'case "FATAL":\n        this.lease.end();',
    'case "FATAL":',
    leases,
  ),
  machine(
    "who leaves keeps its lease",
    'this.#state = { name: "left" };\n    this.lease.end();',
    'this.#state = { name: "left" };',
    rounds,
  ),
  machine(
    "what is inherited is not claimed",
    "const claim = own || inherited;",
    "const claim = own;",
    claims,
  ),
  machine(
    "a static member does not wait for its predecessor's lease",
    "if (inherits) this.#grace.session(sent.at.monotonic);",
    "",
    claims,
  ),
  elsewhere(
    "nobody ever waits for older leases",
    "src/core/membership/grace.ts",
    "this.#notBefore = Math.max(this.notBefore, since + this.#sessionMs);",
    "this.#notBefore = -Infinity;",
  ),
  machine(
    "a static member forgets with the next JoinGroup what it has inherited",
    'const inherited = state.place.is === "member" ? state.place.inherited : 0;',
    "const inherited = 0;",
    claims,
  ),
  machine(
    "who was forgotten by its group does not wait for older leases",
    "if (this.lease.wasAlive) this.#grace.session();",
    "",
    leases,
  ),
  machine(
    "what others ask all to wait is not kept",
    "if (!isOwn) this.#grace.heard(elected.leaseGraceMs);",
    "",
    claims,
  ),
  machine("a successor waits again with each round", "if (!isOwn) this.#grace", "this.#grace", claims),
  elsewhere(
    "nobody else knows for how long a successor waits that claims mastership",
    "src/driver/group-plan.ts",
    "leaseGraceMs: claimed ? master.data.leaseGraceMs :",
    "leaseGraceMs: claimed ? 0 :",
    pinned,
  ),
  elsewhere(
    "a lease comes back with a wall clock that is set back",
    "src/core/lease.ts",
    "    this.#seenOver = true;\n    return false;",
    "    return false;",
    pinned,
  ),
  elsewhere(
    "a static member that has just joined waits for nobody",
    "src/core/membership/grace.ts",
    "if (this.#notBefore === undefined) this.session();",
    "this.#notBefore ??= -Infinity;",
    claims,
  ),
  elsewhere(
    "who has not joined yet does not ask to wait",
    "src/core/membership/grace.ts",
    "if (this.#notBefore === undefined) return this.#sessionMs;",
    "",
    claims,
  ),
  machine(
    "a generation that heartbeats hear of before the JoinGroup is answered has removed it",
    'if (state.name === "settled") return this.#refused(state, event.why, event.error, true);\n        return',
    "if (true) return this.#refused(state, event.why, event.error, true);\n        return",
  ),
  machine(
    "a generation that heartbeats hear of, and that it has not asked for, does not expel it",
    'if (state.name === "settled") return this.#refused(state, event.why, event.error, true);\n        return',
    "return",
  ),
  machine(
    "a rebalance that is heard of is none to join",
    'if (state.name === "settled") this.#join(state.place);\n        return',
    "return",
  ),
  machine(
    "a rebalance that is heard of while a round is under way begins another",
    'if (state.name === "settled") this.#join(state.place);\n        return',
    "this.#join(state.place);\n        return",
    rounds,
  ),
  machine(
    "what is to be said when a round is over is not",
    "if (state.again || inherits) this.#join(place);",
    "if (inherits) this.#join(place);",
  ),
  machine(
    "who joins again for what it has inherited does not",
    "if (state.again || inherits) this.#join(place);",
    "if (state.again) this.#join(place);",
    claims,
  ),
  machine(
    "a coordinator that is found is not joined",
    'if (state.name === "seeking") this.#go(place, state.joins);',
    'if (state.name === "seeking") this.#go(place, false);',
  ),
  machine(
    "a wish while the coordinator is looked for is forgotten",
    "this.#state = { ...state, joins: true };",
    "",
    rounds,
  ),
  machine(
    "a failed round is not tried again",
    "if (!beats) this.#pause(state.place, true, true);",
    "if (!beats) this.#pause(state.place, false, true);",
    rounds,
  ),
  machine(
    "who is unknown stays what it was",
    "this.#grace.session();\n        return this.#removed(STRANGER, beats",
    "this.#grace.session();\n        return this.#removed(state.place, beats",
  ),
  elsewhere(
    "a heartbeat without an answer is waited for before the next is sent",
    "src/core/membership/pulse.ts",
    "return this.#sentAt + this.#unansweredMs;",
    "return Infinity;",
    { test: "test/core/membership/late-answers.test.ts" },
  ),
  elsewhere(
    "it stands down, and is elected all the same",
    "src/core/membership/candidacy.ts",
    'this.#said = this.#standing.is === "standing";',
    "this.#said = true;",
    claims,
  ),
  elsewhere(
    "it stands down for ever",
    "src/core/membership/candidacy.ts",
    'return this.#standing.is === "down" && now >= this.#standing.until ? this.#stand() : [];',
    "return [];",
    claims,
  ),
  elsewhere(
    "it thinks that the group knows that it has resigned, before it does",
    "src/core/membership/candidacy.ts",
    "if (this.#said) return [];",
    "",
    claims,
  ),
  machine(
    "who drains does not say so",
    "this.#draining = true;",
    "",
    { test: "test/simulation/draining.test.ts" },
  ),
  elsewhere(
    "heartbeats are counted from the answer before",
    "src/core/membership/pulse.ts",
    "const next = this.#sentAt + this.#intervalMs;",
    "const next = Math.max(this.#sentAt, this.#endedAt) + this.#intervalMs;",
    rounds,
  ),
  machine(
    "who hinders the group does not notice it",
    'if (does !== "leave") return;',
    "return;",
    hindered,
  ),
  elsewhere(
    "a leader's lost plan is no hindrance",
    "src/core/membership/machine.ts",
    "return this.#watchHindrance(state, sent, !isSynced(state.place) && leads(state.place));",
    "return this.#watchHindrance(state, sent, false);",
    hindered,
  ),
  elsewhere(
    "a member whose JoinGroup never comes is heard of for ever",
    "src/core/membership/machine.ts",
    "(this.#claims || this.#now < this.#hindrance.silentFrom)",
    "true",
    hindered,
  ),
  machine(
    "a JoinGroup is waited for as if it could not get lost",
    "else this.#anotherConnection(state.place);",
    "",
    rounds,
  ),
];

/** Mistakes in what the guarantees stand on: they are tried with each run of the tests. */
export const GUARANTEES: readonly SourceMistake[] = [
  machine(
    "a lease is counted from a heartbeat's answer",
    "this.lease.renew(sent.at);\n        this.#effects",
    "this.lease.renew(this.lease.now());\n        this.#effects",
  ),
  machine(
    "a heartbeat that is answered REBALANCE_IN_PROGRESS proves the generation",
    'case "REBALANCE_IN_PROGRESS":\n        this.lease.signOfLife(sent.at);',
    'case "REBALANCE_IN_PROGRESS":\n        this.lease.renew(sent.at);',
  ),
  machine(
    "a heartbeat proves a generation that is not synced",
    "if (!isSynced(sent.place)) this.lease.signOfLife(sent.at);",
    "if (false) this.lease.signOfLife(sent.at);",
    leases,
  ),
  machine(
    "what a heartbeat of an older membership is answered counts",
    "if (!isMeant(sent, state.place)) return;",
    "",
    leases,
  ),
  machine(
    "another refusal does not end the lease",
    "default:\n        this.lease.end();",
    "default:",
    leases,
  ),
  machine(
    "a static member does not inherit its predecessor's mastership",
    "const inherits = this.#isPredecessor(elected);",
    "const inherits = false;",
  ),
  elsewhere(
    "a stop counts as a failed attempt",
    "src/worker/actors/handler-loop.ts",
    "if (this.ended) return failures.endedUnfinished(held, error);",
    "",
    { test: "test/worker/actors/actor-loop.test.ts" },
  ),
  elsewhere(
    "a lease is only counted on the monotonic clock",
    "src/core/lease.ts",
    'Math.min(this.#left("monotonic", now), this.#left("wall", now), this.#left("boot", now));',
    'this.#left("monotonic", now);',
  ),
  elsewhere(
    "acknowledgements of a partition that was lost are committed (in memory)",
    "src/testing/membership.ts",
    "if (held.reader) held.reader.acks.closed = true;",
    "",
  ),
  elsewhere(
    "acknowledgements of a partition that was lost are committed (by any log)",
    "src/core/commit-loop.ts",
    "return !closed && position > committed;",
    "return closed !== undefined && position > committed;",
    { test: "test/kafka/consumer/offsets.test.ts" },
  ),
  elsewhere(
    "what was handled before a partition was lost counts, though another has gone further",
    "src/core/acknowledgements.ts",
    " || committed > this.position) return false;",
    ") return false;",
    { test: "test/kafka/consumer/offsets.test.ts" },
  ),
];
