// The durable queue and its uploader, for the page and the worker. No DOM.
import type { Event, NewEvent, Operation } from "./events";
import { newId } from "./ids";
import { ask, problemOf, session } from "./session";
import { withDatabase } from "./store";

const LOCK = "suixinding-outbox";
const BATCH = 50;
const KEPT_MS = 3 * 86_400_000;
/** So long a tap can be undone; it is sent after that. */
export const UNDO_MS = 5000;

/** Tells the other tabs of this phone that the outbox has changed; the own page is not told. */
export const others = new BroadcastChannel("suixinding-outbox");

export interface Draft {
  account_id: string;
  subject: string;
  label: string;
  event: NewEvent;
  undo_ms?: number;
}

/** Save events before anything else happens to them: on disk when this returns.
 *
 * `unless` looks at the events already kept of a draft's subject, in the same transaction: what a
 * second tap or a second tab would repeat is not saved again. Answers what was saved.
 */
export async function save(
  drafts: Draft[],
  unless: (earlier: Operation[], draft: Draft) => boolean = () => false,
): Promise<Operation[]> {
  return withDatabase(async (database) => {
    const tx = database.transaction(["outbox", "kept"], "readwrite", { durability: "strict" });
    const outbox = tx.objectStore("outbox");
    let seq = ((await tx.objectStore("kept").get("seq")) as number | undefined) ?? 0;
    const saved: Operation[] = [];
    for (const draft of drafts) {
      if (unless(await outbox.index("subject").getAll(draft.subject), draft)) continue;
      const now = Date.now();
      const said = { event_id: newId(), device_at: new Date(now).toISOString() };
      const operation: Operation = {
        event_id: said.event_id,
        seq: ++seq,
        account_id: draft.account_id,
        subject: draft.subject,
        label: draft.label,
        event: { ...said, ...draft.event } as Event,
        state: "waiting",
        saved_at: now,
        ready_at: now + (draft.undo_ms ?? 0),
      };
      await outbox.put(operation);
      saved.push(operation);
    }
    await tx.objectStore("kept").put(seq, "seq");
    await tx.done;
    others.postMessage("saved");
    return saved;
  });
}

/** Take events back that were not sent yet; answers how many. */
export async function undo(ids: string[]): Promise<number> {
  return withDatabase(async (database) => {
    const tx = database.transaction("outbox", "readwrite", { durability: "strict" });
    let undone = 0;
    for (const id of ids) {
      const operation = await tx.store.get(id);
      if (operation?.state !== "waiting" || Date.now() >= operation.ready_at) continue;
      await tx.store.delete(id);
      undone++;
    }
    await tx.done;
    others.postMessage("undone");
    return undone;
  });
}

/** Send a refused event once more under a new id, at its old time: its cause has been mended. */
export async function submitAgain(id: string): Promise<void> {
  await withDatabase(async (database) => {
    const tx = database.transaction(["outbox", "kept"], "readwrite", { durability: "strict" });
    const outbox = tx.objectStore("outbox");
    const refused = await outbox.get(id);
    if (refused?.state === "refused") {
      const seq = (((await tx.objectStore("kept").get("seq")) as number | undefined) ?? 0) + 1;
      const { code: _code, title: _title, facts: _facts, answered_at: _at, ...rest } = refused;
      const event_id = newId();
      await outbox.put({ ...rest, seq, event_id, event: { ...refused.event, event_id }, state: "waiting", ready_at: 0 });
      await outbox.delete(id);
      await tx.objectStore("kept").put(seq, "seq");
    }
    await tx.done;
  });
}

/** A person has dealt with a refused event. */
export async function close(id: string): Promise<void> {
  await withDatabase(async (database) => {
    const tx = database.transaction("outbox", "readwrite", { durability: "strict" });
    const refused = await tx.store.get(id);
    if (refused?.state === "refused") await tx.store.put({ ...refused, state: "closed", answered_at: Date.now() });
    await tx.done;
  });
}

/** Everything kept, in the order it was said; what is long done is removed. */
export async function operations(): Promise<Operation[]> {
  return withDatabase(async (database) => {
    const all = await database.getAllFromIndex("outbox", "seq");
    const old = all.filter((one) => isDone(one) && (one.answered_at ?? 0) < Date.now() - KEPT_MS);
    for (const one of old) await database.delete("outbox", one.event_id);
    return all.filter((one) => !old.includes(one));
  });
}

/** Remove what the server has of an account: names and doors do not stay after a logout. */
export async function dropDone(accountId: string): Promise<void> {
  await withDatabase(async (database) => {
    for (const one of await database.getAllFromIndex("outbox", "seq")) {
      if (one.account_id === accountId && isDone(one)) await database.delete("outbox", one.event_id);
    }
  });
}

function isDone(one: Operation): boolean {
  return one.state === "uploaded" || one.state === "closed";
}

interface Answer {
  status: "accepted" | "duplicate" | "refused";
  code?: string;
  title?: string;
  facts?: Record<string, unknown>;
}

/** Send what waits, oldest first; one uploader at a time over tabs and the worker.
 *
 * Answers how many got an answer. Raises LoginNeeded, or what the network raises: then all of it
 * still waits, and is sent again under the same ids.
 */
export async function upload(): Promise<number> {
  if (!(await nextBatch()).length) return 0;
  return "locks" in navigator ? navigator.locks.request(LOCK, sendAll) : sendAll();
}

async function nextBatch(accountId?: string): Promise<Operation[]> {
  const all = await withDatabase((database) => database.getAllFromIndex("outbox", "seq"));
  const now = Date.now();
  return all
    .filter((one) => one.state === "waiting" && one.ready_at <= now && (!accountId || one.account_id === accountId))
    .slice(0, BATCH);
}

async function sendAll(): Promise<number> {
  const mine = (await session(true)).account_id;
  let answered = 0;
  for (;;) {
    const batch = await nextBatch(mine);
    if (!batch.length) return answered;
    answered += await send(batch, mine);
  }
}

async function send(batch: Operation[], accountId: string): Promise<number> {
  const answer = await ask("/api/v1/sync", accountId, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      batch_id: newId(),
      sent_at: new Date().toISOString(),
      events: batch.map((one) => one.event),
    }),
  });
  if (answer.ok) {
    const { answers } = (await answer.json()) as { answers: Answer[] };
    return note(batch, answers);
  }
  const { code, title } = await problemOf(answer);
  if (![400, 413, 422].includes(answer.status)) throw new Error(`sync ${answer.status} ${code ?? ""}`);
  if (batch.length > 1) {
    // One event spoils the batch: each goes by itself, so that only that one stays behind.
    let answered = 0;
    for (const one of batch) answered += await send([one], accountId);
    return answered;
  }
  const refusal: Answer = { status: "refused", code: code ?? "refused", title: title ?? "服务器未接受这条记录" };
  return note(batch, [refusal]);
}

async function note(batch: Operation[], answers: Answer[]): Promise<number> {
  if (answers.length !== batch.length) throw new Error("sync: not one answer per event");
  await withDatabase(async (database) => {
    const tx = database.transaction("outbox", "readwrite", { durability: "strict" });
    for (const [place, one] of batch.entries()) {
      const { status, ...rest } = answers[place] as Answer;
      const state = status === "refused" ? "refused" : "uploaded";
      if (await tx.store.get(one.event_id)) {
        await tx.store.put({ ...one, state, answered_at: Date.now(), ...rest });
      }
    }
    await tx.done;
  });
  others.postMessage("answered");
  return batch.length;
}
