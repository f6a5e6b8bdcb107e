// When what waits is sent and the book is fetched: at the start, on `online`, when the page is looked
// at again, after each tap, and by a timer while something waits. `navigator.onLine` is only a hint.
import { keys, pullBook, pullFigure, type Month, type Morning } from "./book";
import { UNDO_MS, others, save, undo, upload, type Draft } from "./outbox";
import type { Operation } from "./events";
import { LoginNeeded, forgetSession, isReached, session } from "./session";
import { changed, inState, load, state } from "./state";
import { keep } from "./store";
import { toast } from "./html";

const FIRST_MS = 2000;
const LONGEST_MS = 60_000;
const BOOK_MS = 300_000;
const FRESH_MS = 30_000;

let running: Promise<void> | undefined;
let again = false;
let wait = FIRST_MS;
let timer = 0;

/** Send and fetch now; `fresh` fetches the book whatever its age. */
export function sync(fresh = false): Promise<void> {
  if (running) {
    again = true;
    return running;
  }
  clearTimeout(timer);
  running = once(fresh).finally(() => {
    running = undefined;
    if (again) {
      again = false;
      void sync();
    } else {
      plan();
    }
  });
  return running;
}

async function once(fresh: boolean): Promise<void> {
  try {
    if (await upload()) await load();
    if (await adopt()) {
      const account = state.account?.account_id ?? "";
      const age = Date.now() - (state.kept?.asked_at ?? 0);
      if (fresh || age > BOOK_MS) await pullBook(account);
      if (fresh || isCashBehind()) await pullFigure<Morning>("/api/v1/me/morning", keys.morning(account), account);
    }
    state.loginNeeded = !state.account;
    state.offline = !isReached();
    wait = FIRST_MS;
  } catch (error) {
    if (error instanceof LoginNeeded) {
      state.loginNeeded = true;
      state.offline = false;
    } else {
      state.offline = true;
      wait = Math.min(wait * 2, LONGEST_MS);
    }
  }
  await load();
}

/** Whether money was answered since the cash in hand was asked for. */
function isCashBehind(): boolean {
  const asked = state.morning?.at ?? 0;
  return inState("uploaded").some((one) => one.event.kind === "offline_order" && (one.answered_at ?? 0) > asked);
}

/** Whether the account of this phone is logged in; a new one takes over where nothing is waiting. */
async function adopt(): Promise<boolean> {
  const known = await session();
  state.notDeliverer = !known.roles.includes("deliverer");
  if (state.notDeliverer) return false;
  if (known.account_id !== state.account?.account_id) {
    if (inState("waiting").length) throw new LoginNeeded();
    await keep("account", { account_id: known.account_id, display_name: known.display_name });
    await load();
  }
  return true;
}

function plan(): void {
  const waiting = inState("waiting");
  const now = Date.now();
  let delay = BOOK_MS;
  if (waiting.length && !state.loginNeeded) {
    const soonest = Math.min(...waiting.map((one) => one.ready_at)) - now;
    // Jitter: after a dead spot not every phone of the town calls at once.
    delay = Math.max(soonest + 50, state.offline ? wait * (0.7 + Math.random() * 0.6) : 0);
  }
  timer = window.setTimeout(() => void sync(), delay);
}

/** Fetch the own month; what is kept stays where there is no network. */
export async function pullMonth(): Promise<void> {
  const account = state.account?.account_id;
  if (!account) return;
  try {
    await pullFigure<Month>("/api/v1/me/month", keys.month(account), account);
  } catch {
    return;
  }
  await load();
}

/** Save events and show them; they are sent when they can no longer be undone. Answers what was saved. */
export async function record(
  drafts: Omit<Draft, "account_id">[],
  said: string,
  unless?: (earlier: Operation[]) => boolean,
): Promise<Operation[]> {
  const account_id = state.account?.account_id;
  if (!account_id) throw new Error("nobody is logged in");
  let saved: Operation[];
  try {
    saved = await save(drafts.map((draft) => ({ ...draft, account_id })), unless);
  } catch (error) {
    toast("没有保存成功：手机存储不可用，请不要离开本页，重试或记在纸上", "bad");
    throw error;
  }
  await load();
  if (!saved.length) return saved;
  const ids = saved.map((one) => one.event_id);
  const canUndo = saved.every((one) => one.ready_at > one.saved_at);
  toast(
    said,
    "ok",
    canUndo ? { label: "撤销", ms: UNDO_MS - 300, run: () => void takeBack(ids) } : undefined,
  );
  void askForBackgroundSync();
  void sync();
  return saved;
}

async function takeBack(ids: string[]): Promise<void> {
  const undone = await undo(ids);
  await load();
  toast(undone === ids.length ? "已撤销" : "已经上传，请用「更正」", undone === ids.length ? "" : "bad");
}

async function askForBackgroundSync(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  const background = registration as { sync?: { register(tag: string): Promise<void> } } | undefined;
  // Not everywhere (no iPhone, no Firefox); the timers of the page do the same while it is open.
  await background?.sync?.register("outbox").catch(() => undefined);
}

/** Start listening to what makes sending worth a try. */
export function startSync(): void {
  addEventListener("online", () => void sync(true));
  addEventListener("offline", () => {
    state.offline = true;
    changed();
  });
  const returned = (): void => {
    if (document.hidden) return;
    forgetSession();
    void sync(Date.now() - (state.kept?.asked_at ?? 0) > FRESH_MS);
  };
  document.addEventListener("visibilitychange", returned);
  addEventListener("pageshow", (event) => {
    if (event.persisted) returned();
  });
  // Another tab or the worker has saved or sent something.
  others.addEventListener("message", () => void load());
}
