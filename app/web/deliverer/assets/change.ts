// A change a household asks for at its door (S1 4.2.5). The server works it out, so it needs the
// network: nothing is queued. What was typed is kept on the phone until it is recorded.
import { keys } from "./book";
import { moment, needLogin, openChanges, placeOf, type LineEffect, type Recorded } from "./changes";
import { day, find, html, icon, show, toast, yuan, type Markup } from "./html";
import { newId } from "./ids";
import { pullResting, restingDoors } from "./resting";
import { LoginNeeded, ask, problemOf, type Problem } from "./session";
import { onChange, state, today } from "./state";
import { dayAfter, type ShownStop } from "./stops";
import { keep, read } from "./store";

type Kind = "skip" | "pause" | "resume" | "change_quantity";
type Typed = Record<string, string>;

/** A door, and what is brought there on the day that is looked at. */
export type ChangeDoor = Pick<ShownStop, "id" | "building" | "door" | "recipient" | "lines">;

interface Wish {
  line_id: string;
  whole_order: boolean;
  change: Record<string, string | number>;
}

interface Preview {
  effective_date: string;
  first_possible_date: string;
  credit_fen: number;
  lines: LineEffect[];
  needs_confirmation: boolean;
}

const ADDRESS = "/api/v1/recorded-changes";
const DRAFT_MS = 400;
const DAYS_SHOWN = 10;
/** Before the line of a choice that means its whole order; the latter where only one line of it is known. */
const SEVERAL = "all:";
const REST = "rest:";
const FROM: Record<Kind, string> = { skip: "哪一天不送", pause: "从哪天停", resume: "从哪天恢复", change_quantity: "从哪天起（选填）" };
const HINT: Record<Kind, string> = {
  skip: "这一天不送；未送的奶往后顺延，或折算到顾客余额。",
  pause: "不填「停到哪天」就一直停到顾客说恢复，奶顺延；填了才能折算到余额。",
  resume: "从这天起照常送，之后的停奶和跳过都取消。",
  change_quantity: "以后每次送这么多瓶；不填日期就尽早开始。",
};

let open: ChangeDoor | undefined;
let draftTimer = 0;
/** What the preview that is shown is of, and the number under which it is recorded: once, however often it is sent. */
let previewed: { wish: Wish; key: string } | undefined;
/** Counts what was typed: an answer to something older is not shown. */
let version = 0;
let busy = false;

const dialog = (): HTMLDialogElement => find<HTMLDialogElement>("#change-dialog");
const form = (): HTMLFormElement => find<HTMLFormElement>("#change-form");
const go = (): HTMLButtonElement => find<HTMLButtonElement>("#change-go");

function typed(): Typed {
  const entries = [...new FormData(form()).entries()];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function kindOf(said: Typed): Kind {
  return said["kind"] as Kind;
}

interface Choosable {
  line: string;
  order_no: string;
  product: string;
  more: string;
}

/** What the day brings to a door, and what is ordered there and comes another day. */
function linesAt(stop: ChangeDoor): Choosable[] {
  const brought = stop.lines.map(({ line, order_no, product, specification, quantity }) => ({
    line,
    order_no,
    product: placeOf(line)?.product ?? product,
    more: `${specification} × ${quantity}`,
  }));
  const resting = restingDoors()
    .filter((one) => one.stop === stop.id)
    .flatMap((one) => one.lines)
    .map(({ line_id: line, order_no, product, specification, next_date: next }) => ({
      line,
      order_no,
      product,
      more: `${specification} · 今天没有，${next ? `下次 ${day(next)}` : "停奶中"}`,
    }));
  const all = [...brought, ...resting];
  return all.filter((line, place) => all.findIndex((one) => one.line === line.line) === place);
}

/** One choice a line; and one for all of an order: where it has several, or perhaps some that could resume. */
function choices(stop: ChangeDoor): Markup[] {
  const lines = linesAt(stop);
  const orders = [...new Set(lines.map((line) => line.order_no))];
  const choice = (value: string, text: string, more: string): Markup =>
    html`<label class="choice left"><input type="radio" name="line" value="${value}" required><span>${text}<small>${more}</small></span></label>`;
  return orders.flatMap((order) => {
    const own = lines.filter((line) => line.order_no === order);
    const named = orders.length > 1 ? ` · 订单 ${order}` : "";
    return [
      ...own.map((line) => choice(line.line, line.product, `${line.more}${named}`)),
      choice((own.length > 1 ? SEVERAL : REST) + own[0]?.line, "这张订单的全部产品", `今天没送的也算${named}`),
    ];
  });
}

function follow(): void {
  const kind = kindOf(typed());
  const amount = kind === "change_quantity";
  find("#change-from-label").textContent = FROM[kind];
  find("#change-hint").textContent = HINT[kind];
  find("#change-until-field").hidden = kind !== "pause";
  find("#change-quantity-field").hidden = !amount;
  find<HTMLInputElement>("#change-from").required = !amount;
  const quantity = find<HTMLInputElement>("#change-quantity");
  quantity.required = amount;
  quantity.disabled = !amount;
  const until = find<HTMLInputElement>("#change-until");
  until.disabled = kind !== "pause";
  until.min = find<HTMLInputElement>("#change-from").value;
  const settles = kind === "skip" || (kind === "pause" && Boolean(until.value));
  const settle = find<HTMLFieldSetElement>("#change-settle");
  settle.hidden = settle.disabled = !settles;
  for (const field of form().querySelectorAll<HTMLInputElement>("[name=line]")) {
    const { value } = field;
    // One number cannot be several products'.
    field.disabled = (value.startsWith(SEVERAL) && amount) || (value.startsWith(REST) && kind !== "resume");
    if (field.disabled) field.checked = false;
    const label = field.closest("label");
    if (label) label.hidden = field.disabled;
  }
  const offered = form().querySelectorAll<HTMLInputElement>("[name=line]:enabled");
  if (offered.length === 1 && offered[0]) offered[0].checked = true;
}

/** Forget the preview: it is not of what the form says any more. */
function unshow(): void {
  version += 1;
  previewed = undefined;
  find("#change-shown").hidden = true;
  go().textContent = "预览";
  tell("");
}

function tell(said: string): void {
  find("#change-error").textContent = said;
  find("#change-error").hidden = !said;
}

function offline(is: boolean): void {
  find("#change-offline").hidden = !is;
}

function wish(said: Typed): Wish {
  const chosen = said["line"] ?? "";
  const line = chosen.replace(/^(all|rest):/, "");
  const kind = kindOf(said);
  const from = said["from"] ?? "";
  const change: Wish["change"] = { kind };
  if (kind === "skip") change["date"] = from;
  else if (from) change["from_date"] = from;
  if (kind === "pause" && said["until"]) change["until_date"] = said["until"];
  if (said["settle"] === "money") change["settle"] = "money";
  if (kind === "change_quantity") change["quantity"] = Number(said["quantity"]);
  return { line_id: line, whole_order: line !== chosen, change };
}

function effectOf(line: LineEffect, isOpenPause: boolean): Markup {
  const rest = line.days.length - DAYS_SHOWN;
  const end = (date: string | null): string => (date ? day(date) : "未定");
  const { end_date_before: before, end_date_after: after } = line;
  const endText = isOpenPause
    ? html`${after ? html`送到 <b>${day(after)}</b>，之后` : ""}一直停奶；恢复后接着送，一瓶不少`
    : html`最后一次送奶：${before === after ? html`<b>${end(after)}</b>，不变` : html`${end(before)} → <b>${end(after)}</b>`}`;
  return html`<h3>${placeOf(line.line_id)?.product ?? "订单里的另一项"}</h3>
    <p>${endText}</p>
    <ul>${line.days.slice(0, DAYS_SHOWN).map((one) => html`<li><span>${day(one.date)}</span><b>${one.bottles_before} → ${one.bottles_after} 瓶</b></li>`)}</ul>
    ${rest > 0 ? html`<p class="quiet">另有 ${rest} 天</p>` : ""}`;
}

function showPreview(found: Preview, change: Wish["change"]): void {
  const isOpenPause = change["kind"] === "pause" && !change["until_date"];
  show(
    find("#change-shown"),
    html`<p><b>${day(found.effective_date)}</b> ${change["kind"] === "skip" ? "不送" : "起变更"}（现在最早可以改 ${day(found.first_possible_date)}）</p>
      ${found.lines.map((line) => effectOf(line, isOpenPause))}
      ${found.credit_fen ? html`<p>存入顾客余额 <b>${yuan(found.credit_fen)}</b></p>` : ""}
      <p class="note">${icon("exclamation-circle")}<span>${found.needs_confirmation ? "请念给顾客听。记录后顾客会收到短信，确认了才生效。" : "请念给顾客听。记录后马上生效。"}</span></p>`,
  );
  find("#change-shown").hidden = false;
  go().textContent = "记录";
  find("#change-shown").scrollIntoView({ block: "start" });
}

function refusal(problem: Problem): string {
  const first = problem.facts?.["first_possible_date"];
  return `${problem.title ?? "没有成功，请重试"}${typeof first === "string" ? `，最早可以改 ${day(first)}` : ""}`;
}

function post(address: string, body: Wish, headers: Record<string, string> = {}): Promise<Response> {
  return ask(address, state.account?.account_id ?? "", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function preview(): Promise<void> {
  const body = wish(typed());
  const asked = version;
  const answer = await post(`${ADDRESS}/preview`, body);
  offline(false);
  if (asked !== version) return;
  if (!answer.ok) {
    tell(refusal(await problemOf(answer)));
    return;
  }
  const found = (await answer.json()) as Preview;
  if (asked !== version) return;
  previewed = { wish: body, key: newId() };
  showPreview(found, body.change);
}

async function record(stop: ChangeDoor, what: { wish: Wish; key: string }): Promise<void> {
  const answer = await post(ADDRESS, what.wish, { "Idempotency-Key": what.key });
  offline(false);
  if (!answer.ok) {
    const problem = await problemOf(answer);
    // Whatever it was, the days may have moved on: it is shown again before it is recorded.
    if (answer.status < 500 && problem.code !== "still_running") unshow();
    tell(refusal(problem));
    return;
  }
  const made = (await answer.json()) as Recorded;
  clearTimeout(draftTimer);
  await keepDraft(stop.id, undefined).catch(() => undefined);
  if (open === stop) dialog().close();
  const until = made.confirm_before_at ? `，请顾客在 ${moment(made.confirm_before_at)} 前确认` : "";
  const said = made.change.status === "applied" ? "已记录，已生效" : `已记录${until}`;
  toast(said, "ok", { label: "查看", run: openChanges, ms: 8000 });
}

async function submit(): Promise<void> {
  const stop = open;
  if (!stop || busy) return;
  busy = true;
  go().disabled = true;
  const recording = previewed;
  tell("");
  try {
    await (recording ? record(stop, recording) : preview());
  } catch (error) {
    if (error instanceof LoginNeeded) {
      needLogin();
      tell("登录已过期，请关闭后重新登录。已填的内容还在。");
    } else {
      offline(true);
      if (recording) tell("没有收到答复：有网络后再点一次「记录」，不会记两遍。");
      find("#change-offline").scrollIntoView({ block: "nearest" });
    }
  } finally {
    busy = false;
    go().disabled = false;
  }
}

/** Keep what was typed for a stop, or forget it; that of stops long gone goes with it. */
async function keepDraft(stop: string, said: Typed | undefined): Promise<void> {
  const account = state.account?.account_id;
  if (!account) return;
  const known = new Set(state.kept?.book.rounds.flatMap((round) => round.items.map((one) => one.stop)));
  for (const one of restingDoors()) known.add(one.stop);
  const all = Object.entries((await read<Record<string, Typed>>(keys.wishes(account))) ?? {});
  const others = Object.fromEntries(all.filter(([id]) => id !== stop && known.has(id)));
  await keep(keys.wishes(account), said ? { ...others, [stop]: said } : others);
}

function fill(said: Typed): void {
  form().reset();
  for (const [name, value] of Object.entries(said)) {
    const field = form().elements.namedItem(name);
    if (field instanceof RadioNodeList || field instanceof HTMLInputElement) field.value = value;
  }
  find<HTMLInputElement>("#change-from").min = dayAfter(today());
  follow();
  unshow();
}

/** Show what there is to choose, with what was chosen of it. */
function showLines(stop: ChangeDoor): void {
  const chosen = typed()["line"];
  show(find("#change-lines"), html`${choices(stop)}`);
  for (const field of form().querySelectorAll<HTMLInputElement>("[name=line]")) field.checked = field.value === chosen;
  follow();
}

/** What is ordered at the door and does not come today is known once the network answers. */
async function addResting(stop: ChangeDoor): Promise<void> {
  const before = JSON.stringify(linesAt(stop));
  try {
    await pullResting(false);
  } catch (error) {
    if (error instanceof LoginNeeded) needLogin();
    return;
  }
  if (open === stop && dialog().open && JSON.stringify(linesAt(stop)) !== before) showLines(stop);
}

/** Open the sheet for a door, with what was typed for it before. */
export async function openChange(stop: ChangeDoor): Promise<void> {
  open = stop;
  find("#change-title").textContent = `代记变更 · ${stop.building} ${stop.door}`;
  find("#change-who").textContent = stop.recipient;
  show(find("#change-lines"), html`${choices(stop)}`);
  const all = await read<Record<string, Typed>>(keys.wishes(state.account?.account_id ?? "")).catch(() => undefined);
  const said = all?.[stop.id];
  fill(said ?? {});
  find("#change-restored").hidden = !said;
  offline(state.offline);
  dialog().showModal();
  void addResting(stop);
}

/** Let the sheet work. */
export function startChange(): void {
  form().addEventListener("input", () => {
    follow();
    unshow();
    const stop = open;
    clearTimeout(draftTimer);
    const said = typed();
    draftTimer = window.setTimeout(() => stop && void keepDraft(stop.id, said), DRAFT_MS);
  });
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
  find("#change-clear").addEventListener("click", () => {
    if (!open) return;
    clearTimeout(draftTimer);
    void keepDraft(open.id, undefined);
    fill({});
    find("#change-restored").hidden = true;
  });
  onChange(() => {
    if (dialog().open) offline(state.offline);
  });
}
