// An order taken at the door, for cash or by POS (S1 4.2.3): through the outbox like all else.
import { keys } from "./book";
import type { DoorOrder, Operation, Pattern, PosSlip } from "./events";
import { clock, day, find, html, show, toast, yuan } from "./html";
import { newId } from "./ids";
import { close } from "./outbox";
import { onChange, state, today } from "./state";
import { dayAfter } from "./stops";
import { drop, keep, read } from "./store";
import { record } from "./sync";

const WEEKDAYS = ["一", "二", "三", "四", "五", "六", "日"];
const DRAFT_MS = 400;

let draftTimer = 0;
let restored = "";
let edited: Operation | undefined;

const form = (): HTMLFormElement => find<HTMLFormElement>("#order-form");

function text(data: FormData, name: string): string {
  return String(data.get(name) ?? "").trim();
}

function product(data: FormData): { id: string; price_fen: number; name: string } | undefined {
  const found = state.kept?.book.products.find((one) => one.id === data.get("product"));
  return found && found.price_fen !== null ? { id: found.id, price_fen: found.price_fen, name: found.name } : undefined;
}

function pattern(data: FormData): Pattern | undefined {
  const kind = text(data, "pattern");
  if (kind === "weekdays") {
    const quantities = WEEKDAYS.map((_, place) => Number(data.get(`weekday-${place}`) ?? 0));
    return quantities.some((count) => count > 0) ? { kind: "weekdays", quantities } : undefined;
  }
  return { kind: "every_days", interval_days: Number(kind), quantity: Number(data.get("quantity")) };
}

/** The deposit for a milk box, in fen; typed in yuan. */
function deposit(data: FormData): number {
  return Math.round(Number(data.get("deposit")) * 100) || 0;
}

/** A number for the receipt: the day, and a part of a fresh id that no other phone makes. */
function receiptNo(): string {
  return `R${today().slice(2).replaceAll("-", "")}-${newId().slice(-8).toUpperCase()}`;
}

function follow(): void {
  const data = new FormData(form());
  const weekly = data.get("pattern") === "weekdays";
  const pos = data.get("pay") === "pos";
  find("#order-weekdays").hidden = !weekly;
  find("#order-quantity").hidden = weekly;
  find("#order-slip").hidden = !pos;
  for (const field of find("#order-slip").querySelectorAll("input")) field.disabled = !pos;
  const chosen = product(data);
  const bottles = Number(data.get("bottles"));
  const price = chosen && bottles > 0 ? chosen.price_fen * bottles : undefined;
  const held = deposit(data);
  find("#order-price").textContent = price === undefined ? "—" : yuan(price);
  find("#order-deposit").textContent = yuan(held);
  find("#order-sum").textContent = price === undefined ? "—" : yuan(price + held);
}

function fill(): void {
  const book = state.kept?.book;
  const own = book?.blocks.filter((block) => block.is_own) ?? [];
  const ready = Boolean(book?.agreement && own.length);
  form().hidden = !ready;
  find("#order-none").hidden = ready;
  if (!book || !ready) return;
  const offered = book.products.filter((one) => one.price_fen !== null);
  show(
    find("#order-product"),
    html`${offered.map((one) => html`<option value="${one.id}">${one.name} ${one.specification} ${yuan(one.price_fen ?? 0)}</option>`)}`,
  );
  const places = own.flatMap((block) => block.places);
  const unique = (values: string[]): string[] => [...new Set(values.filter(Boolean))];
  const list = (values: string[]): ReturnType<typeof html> => html`${unique(values).map((value) => html`<option value="${value}"></option>`)}`;
  show(find("#order-districts"), list(places.map((place) => place.district)));
  show(find("#order-compounds"), list(places.map((place) => place.compound)));
  show(find("#order-streets"), list(places.map((place) => place.street)));
  const start = find<HTMLInputElement>("#order-start");
  start.min = dayAfter(today());
  if (!start.value) start.value = start.min;
  const district = find<HTMLInputElement>("#order-district");
  if (!district.value) district.value = unique(places.map((place) => place.district))[0] ?? "";
  const receipt = find<HTMLInputElement>("#order-receipt");
  if (!receipt.value) receipt.value = receiptNo();
  find("#agreement-version").textContent = book.agreement?.version ?? "";
  find("#agreement-text").textContent = book.agreement?.text ?? "";
  follow();
}

function facts(one: Operation): string {
  if (one.state === "waiting") return "已保存，待上传";
  if (one.state !== "uploaded") return one.title ?? "未被接受";
  const first = String(one.facts?.["first_date"] ?? "");
  return `订单号 ${String(one.facts?.["order_no"] ?? "")}${first ? ` · ${day(first)} 起送` : ""}`;
}

function renderTaken(): void {
  const taken = state.operations.filter((one) => one.event.kind === "offline_order" && one.state !== "closed").reverse();
  find("#order-taken-head").hidden = !taken.length;
  show(
    find("#order-taken"),
    html`${taken.map((one) =>
      one.event.kind === "offline_order"
        ? html`<li><b>${yuan(one.event.order.amount_fen)}</b><span>${one.event.order.customer_name} · 收据 ${one.event.order.receipt_no}<br>
            <small>${one.event.order.deposit_fen ? `含押金 ${yuan(one.event.order.deposit_fen)} · ` : ""}${clock(one.saved_at)} · ${facts(one)}</small></span></li>`
        : "",
    )}`,
  );
}

function slip(data: FormData): PosSlip {
  const last4 = text(data, "card_last4");
  return {
    merchant_no: text(data, "merchant_no"),
    terminal_no: text(data, "terminal_no"),
    batch_no: text(data, "batch_no"),
    trace_no: text(data, "trace_no"),
    reference_no: text(data, "reference_no"),
    ...(last4 ? { card_last4: last4 } : {}),
  };
}

function put(name: string, value: string): void {
  const field = form().elements.namedItem(name);
  if (field instanceof RadioNodeList) field.value = value;
  else if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = value === "on";
  else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
}

/** Bring a refused order back into the form: the money was taken, so the order keeps its number and receipt. */
export function editOrder(refused: Operation): void {
  if (refused.event.kind !== "offline_order") return;
  const { order: taken } = refused.event;
  form().reset();
  edited = refused;
  const days = taken.pattern;
  const written: Record<string, string | undefined> = {
    ...taken.address,
    ...taken.pos_slip,
    name: taken.customer_name,
    phone: taken.phone,
    product: taken.product_id,
    pattern: days.kind === "weekdays" ? "weekdays" : String(days.interval_days),
    quantity: days.kind === "weekdays" ? "1" : String(days.quantity),
    bottles: String(taken.bottles),
    deposit: String((taken.deposit_fen ?? 0) / 100),
    start: taken.start_date,
    pay: taken.pay_channel,
    receipt: taken.receipt_no,
  };
  if (days.kind === "weekdays") days.quantities.forEach((count, place) => (written[`weekday-${place}`] = String(count)));
  for (const [name, value] of Object.entries(written)) if (value !== undefined) put(name, value);
  follow();
  tell(`修改后再保存：${refused.title ?? ""}`);
  location.hash = "#order";
}

/** The order as the form says, or what is missing in it. */
function order(data: FormData): DoorOrder | string {
  const book = state.kept?.book;
  const block = book?.blocks.find((one) => one.is_own);
  const chosen = product(data);
  const days = pattern(data);
  if (!book?.agreement || !block || !chosen) return "还没有产品价格，请先联网打开一次";
  if (!days) return "请填写每周哪几天送几瓶";
  if (!text(data, "compound") && !text(data, "street")) return "小区和路名至少填一项";
  const phone = text(data, "phone");
  const name = text(data, "name");
  const note = text(data, "note");
  const pay = text(data, "pay") === "pos" ? "pos" : "cash";
  const held = deposit(data);
  return {
    client_order_id: edited?.event.kind === "offline_order" ? edited.event.order.client_order_id : newId(),
    customer_name: name,
    phone,
    address: {
      city_code: block.city_code,
      district: text(data, "district"),
      street: text(data, "street"),
      house_no: text(data, "house_no"),
      compound: text(data, "compound"),
      door: text(data, "door"),
      recipient: name,
      phone,
      ...(note ? { note } : {}),
    },
    product_id: chosen.id,
    pattern: days,
    start_date: text(data, "start"),
    bottles: Number(data.get("bottles")),
    amount_fen: chosen.price_fen * Number(data.get("bottles")) + held,
    ...(held ? { deposit_fen: held } : {}),
    pay_channel: pay,
    receipt_no: text(data, "receipt"),
    ...(pay === "pos" ? { pos_slip: slip(data) } : {}),
    agreement_version: book.agreement.version,
    taken_at: new Date().toISOString(),
  };
}

function tell(said: string): void {
  const place = find("#order-error");
  place.textContent = said;
  place.hidden = !said;
}

async function submit(): Promise<void> {
  const taken = order(new FormData(form()));
  if (typeof taken === "string") {
    tell(taken);
    return;
  }
  tell("");
  const button = find<HTMLButtonElement>("#order-save");
  if (button.disabled) return;
  button.disabled = true;
  try {
    await record(
      [{ subject: `order:${taken.receipt_no}`, label: `线下订单 ${yuan(taken.amount_fen)} 收据 ${taken.receipt_no}`, event: { kind: "offline_order", order: taken } }],
      `已保存：收款 ${yuan(taken.amount_fen)}，收据 ${taken.receipt_no}`,
      (earlier) => earlier.some((one) => one.state !== "refused" && one.state !== "closed"),
    );
    if (edited) await close(edited.event_id);
    edited = undefined;
    clearTimeout(draftTimer);
    form().reset();
    await drop(keys.draft(state.account?.account_id ?? ""));
    fill();
  } finally {
    button.disabled = false;
  }
}

async function keepDraft(): Promise<void> {
  const account = state.account?.account_id;
  if (!account) return;
  const written = [...new FormData(form()).entries()].filter(([, value]) => typeof value === "string");
  await keep(keys.draft(account), Object.fromEntries(written));
}

/** What was typed before a reload or a flat battery stands there again. */
async function restoreDraft(): Promise<void> {
  const account = state.account?.account_id;
  if (!account || restored === account || !state.kept) return;
  restored = account;
  const written = await read<Record<string, string>>(keys.draft(account));
  for (const [name, value] of Object.entries(written ?? {})) put(name, value);
  follow();
}

/** Show the form and listen. */
export function startOrder(): void {
  show(
    find("#order-weekdays"),
    html`${WEEKDAYS.map((name, place) => html`<label>周${name}<input type="number" inputmode="numeric" name="weekday-${place}" min="0" max="99" value="0"></label>`)}`,
  );
  form().addEventListener("input", () => {
    follow();
    tell("");
    clearTimeout(draftTimer);
    draftTimer = window.setTimeout(() => void keepDraft(), DRAFT_MS);
  });
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    submit().catch(() => toast("没有保存成功，请重试", "bad"));
  });
  onChange(() => {
    fill();
    renderTaken();
    void restoreDraft();
  });
}
