// What was written down at doors for households, how far each is, and taking it back while it waits.
import { keys, type Kept } from "./book";
import { ago, clock, day, find, html, show, toast, type Markup } from "./html";
import { newId } from "./ids";
import { restingDoors } from "./resting";
import { LoginNeeded, ask, problemOf } from "./session";
import { changed, state } from "./state";
import { buildingText, dateOf } from "./stops";
import { keep, read } from "./store";

interface DayChange {
  date: string;
  bottles_before: number;
  bottles_after: number;
}

/** What a change does to one line. */
export interface LineEffect {
  line_id: string | null;
  days: DayChange[];
  end_date_before: string | null;
  end_date_after: string | null;
}

/** A record as the server has it. */
export interface Recorded {
  id: string;
  order_no: string;
  change: {
    kind: string;
    label: string;
    status: string;
    status_label: string;
    effective_date: string;
    lines: LineEffect[];
    at: string;
  };
  confirm_before_at: string | null;
  confirmed_at: string | null;
}

interface List {
  items: Recorded[];
  next_cursor: string | null;
}

const ADDRESS = "/api/v1/recorded-changes";
const AGAIN_MS = 20_000;
const WORDS: Record<string, [string, string]> = {
  awaiting_confirmation: ["待顾客确认", "warn"],
  applied: ["已生效", "ok"],
  declined: ["未同意", "bad"],
  expired: ["已过期", ""],
  undone: ["已撤回", ""],
};

let listed: Kept<List> | undefined;
let isOld = false;
let armed = "";
let busy = false;

const dialog = (): HTMLDialogElement => find<HTMLDialogElement>("#changes-dialog");

/** A line's product and door, as far as the phone knows them. */
export function placeOf(lineId: string | null): { product: string; door: string } | undefined {
  const book = state.kept?.book;
  for (const round of book?.rounds ?? []) {
    for (const stop of round.items) {
      const found = stop.deliveries.find((one) => one.line_id === lineId);
      if (found) {
        const product = book?.products.find((one) => one.id === found.product_id)?.name ?? "";
        return { product, door: `${buildingText(stop)} ${stop.door ?? ""}`.trim() };
      }
    }
  }
  for (const stop of restingDoors()) {
    const found = stop.lines.find((one) => one.line_id === lineId);
    if (found) return { product: found.product, door: `${buildingText(stop)} ${stop.door ?? ""}`.trim() };
  }
  return undefined;
}

/** An instant as people say it: 3月17日周二 16:00. */
export function moment(at: string): string {
  return `${day(dateOf(Date.parse(at)))} ${clock(at)}`;
}

function line(one: Recorded): Markup {
  const { change } = one;
  const after = change.status === "undone" && one.confirmed_at; // the household took back what it had confirmed
  const [word, kind] = (!after && WORDS[change.status]) || [change.status_label, ""];
  const places = change.lines.map((effect) => placeOf(effect.line_id));
  const door = places.find(Boolean)?.door ?? `订单 ${one.order_no}`;
  const products = [...new Set(places.flatMap((place) => place?.product ?? []))].join("、");
  const waits = change.status === "awaiting_confirmation";
  const until = waits && one.confirm_before_at ? html`<small>请在 ${moment(one.confirm_before_at)} 前确认</small>` : "";
  return html`<li data-change="${one.id}"><div><b>${door}</b><span>${change.label}${products ? ` · ${products}` : ""}</span>
      <small>${day(change.effective_date)}${change.kind === "skip" ? "" : " 起"}</small>${until}<small>${moment(change.at)} 记</small></div><span class="pill ${kind}">${word}</span>
    ${waits ? html`<p class="acts"><button type="button" class="button small wide ${armed === one.id ? "danger" : ""}" data-focus="back-${one.id}" data-back>${armed === one.id ? "确认撤回" : "撤回"}</button></p>` : ""}
  </li>`;
}

function render(): void {
  const items = listed?.value.items ?? [];
  const waiting = items.filter((one) => one.change.status === "awaiting_confirmation").length;
  const said = items.length ? `${waiting} 条待顾客确认` : "还没有代记过变更。在路线里点一户的「其他」就能代记。";
  const age = listed ? `没有网络，这是 ${ago(listed.at)}的情况。` : "没有网络，联网后显示。";
  find("#changes-summary").textContent = isOld ? age : listed ? said : "正在读取…";
  const sorted = [...items].sort((one, two) => Number(two.change.status === "awaiting_confirmation") - Number(one.change.status === "awaiting_confirmation"));
  show(find("#changes"), html`${sorted.map(line)}`);
  find("#changes").hidden = !items.length;
  find("#changes-more").hidden = isOld || !listed?.value.next_cursor;
}

/** Fetch the list anew, or its next page; what is kept is shown where there is no network. */
async function pull(cursor = ""): Promise<void> {
  const account = state.account?.account_id;
  if (!account) return;
  try {
    const answer = await ask(`${ADDRESS}${cursor && `?cursor=${encodeURIComponent(cursor)}`}`, account);
    if (!answer.ok) throw new Error(`recorded-changes ${answer.status}`);
    const page = (await answer.json()) as List;
    const earlier = cursor ? (listed?.value.items ?? []) : [];
    listed = { value: { ...page, items: [...earlier, ...page.items] }, at: Date.now() };
    isOld = false;
    await keep(keys.changes(account), listed);
  } catch (error) {
    if (error instanceof LoginNeeded) needLogin();
    listed ??= await read<Kept<List>>(keys.changes(account));
    isOld = true;
  }
  render();
}

/** Say that somebody must log in. */
export function needLogin(): void {
  state.loginNeeded = true;
  changed();
}

async function takeBack(id: string): Promise<void> {
  const account = state.account?.account_id;
  if (!account || busy) return;
  busy = true;
  try {
    const answer = await ask(`${ADDRESS}/${id}/withdrawal`, account, { method: "POST", headers: { "Idempotency-Key": newId() } });
    if (answer.ok) toast("已撤回，订单没有变化", "ok");
    else toast((await problemOf(answer)).title ?? "没有撤回，请重试", "bad");
  } catch (error) {
    if (error instanceof LoginNeeded) needLogin();
    toast(error instanceof LoginNeeded ? "登录已过期，请重新登录" : "没有网络，暂时不能撤回", "bad");
  } finally {
    busy = false;
    armed = "";
  }
  await pull();
}

/** Open the list. */
export function openChanges(): void {
  armed = "";
  isOld = false;
  listed = undefined;
  render();
  dialog().showModal();
  void pull();
}

/** Listen. */
export function startChanges(): void {
  find("#changes-open").addEventListener("click", openChanges);
  find("#changes-more").addEventListener("click", () => void pull(listed?.value.next_cursor ?? ""));
  find("#changes").addEventListener("click", (event) => {
    const target = event.target as Element;
    const id = target.closest("[data-back]") && target.closest<HTMLElement>("[data-change]")?.dataset["change"];
    if (id && armed === id) {
      void takeBack(id);
      return;
    }
    armed = id || "";
    render();
  });
  const again = (): void => {
    // More pages that were asked for stay; the first is fetched anew while nothing is about to be taken back.
    if (dialog().open && !document.hidden && !busy && !armed && (listed?.value.items.length ?? 0) <= 50) void pull();
  };
  setInterval(again, AGAIN_MS);
  document.addEventListener("visibilitychange", again);
}
