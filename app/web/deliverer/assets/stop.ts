// One stop in detail: brought in full, short by line, not brought and why, °C, and corrections.
import { openChange } from "./change";
import { stopSubject, type NewEvent, type StopSaid } from "./events";
import { find, html, show, toast } from "./html";
import { state } from "./state";
import type { ShownStop } from "./stops";
import { record } from "./sync";

let open: ShownStop | undefined;
type Outcome = "full" | "short" | "failed";

const dialog = (): HTMLDialogElement => find<HTMLDialogElement>("#stop-dialog");
const form = (): HTMLFormElement => find<HTMLFormElement>("#stop-form");

/** Open a stop's sheet. */
export function openStop(stop: ShownStop): void {
  open = stop;
  form().reset();
  find("#stop-title").textContent = `${stop.building} ${stop.door}`;
  find("#stop-who").textContent = [stop.recipient, stop.phone, stop.note].filter(Boolean).join(" · ");
  find("#stop-corrects").hidden = stop.state === "todo";
  show(
    find("#stop-lines"),
    html`${stop.lines.map(
      (line, place) => html`<label class="line"><span>${line.product} <small>应送 ${line.quantity}</small></span>
        <input type="number" inputmode="numeric" name="line-${place}" min="0" max="${line.quantity}" step="1"
               value="${stop.state === "todo" ? line.quantity : line.delivered}"></label>`,
    )}`,
  );
  const reasons = state.kept?.book.reasons ?? [];
  show(
    find("#stop-reasons"),
    html`${reasons.map((one) => html`<label class="choice"><input type="radio" name="reason" value="${one.code}">${one.title}</label>`)}`,
  );
  const outcome: Outcome = stop.state === "failed" ? "failed" : stop.state === "partly" ? "short" : "full";
  find<HTMLInputElement>(`#stop-form [name=outcome][value=${outcome}]`).checked = true;
  if (stop.reason) {
    const given = form().querySelector<HTMLInputElement>(`[name=reason][value="${stop.reason}"]`);
    if (given) given.checked = true;
  }
  find<HTMLInputElement>("#stop-celsius").value = stop.celsius === null ? "" : String(stop.celsius);
  tell("");
  follow();
  dialog().showModal();
}

function chosenOutcome(): Outcome {
  return new FormData(form()).get("outcome") as Outcome;
}

function follow(): void {
  const outcome = chosenOutcome();
  find("#stop-short").hidden = outcome !== "short";
  find("#stop-why").hidden = outcome === "full";
}

function tell(text: string): void {
  const place = find("#stop-error");
  place.textContent = text;
  place.hidden = !text;
}

/** What the form says, or what is missing in it. */
function said(stop: ShownStop): StopSaid | string {
  const data = new FormData(form());
  const outcome = chosenOutcome();
  const reason = data.get("reason");
  const celsius = data.get("celsius") === "" ? undefined : Number(data.get("celsius"));
  if (![...form().querySelectorAll<HTMLInputElement>("[type=number]")].every((field) => field.checkValidity())) {
    return "瓶数或温度填写有误";
  }
  const base = { stop: stop.id, service_date: stop.date, ...(celsius === undefined ? {} : { celsius }) };
  if (outcome === "full") return { ...base, outcome: "delivered" };
  if (typeof reason !== "string") return "请选择原因";
  if (outcome === "failed") return { ...base, outcome: "not_delivered", reason };
  const deliveries = stop.lines
    .map((line, place) => ({ line: line.line, delivery_no: line.delivery_no, delivered_quantity: Number(data.get(`line-${place}`)), due: line.quantity }))
    .filter((line) => line.delivered_quantity < line.due)
    .map(({ due: _due, ...line }) => line);
  if (!deliveries.length) return "每一项都送齐了，请选「送齐」";
  if (deliveries.length === stop.lines.length && deliveries.every((line) => line.delivered_quantity === 0)) {
    return { ...base, outcome: "not_delivered", reason };
  }
  return { ...base, outcome: "delivered", reason, deliveries };
}

const WORDS: Record<Outcome, string> = { full: "已送达", short: "少送", failed: "未送达" };

async function submit(): Promise<void> {
  const stop = open;
  if (!stop) return;
  const what = said(stop);
  if (typeof what === "string") {
    tell(what);
    return;
  }
  open = undefined; // a second tap finds nothing to save
  dialog().close();
  const event: NewEvent =
    stop.state !== "todo" && stop.event_id
      ? { ...what, kind: "correction", corrects: stop.event_id }
      : { ...what, kind: "stop_done" };
  const label = `${stop.building} ${stop.door} ${WORDS[chosenOutcome()]}${event.kind === "correction" ? "（更正）" : ""}`;
  await record([{ subject: stopSubject(stop.date, stop.id), label, event }], label);
}

async function noteTemperature(): Promise<void> {
  const stop = open;
  const field = find<HTMLInputElement>("#stop-celsius");
  if (!stop) return;
  if (field.value === "" || !field.checkValidity()) {
    tell("请填写温度");
    return;
  }
  open = undefined;
  dialog().close();
  const label = `${stop.building} ${stop.door} 温度 ${field.value} ℃`;
  const event: NewEvent = { kind: "temperature_note", stop: stop.id, service_date: stop.date, celsius: Number(field.value) };
  await record([{ subject: stopSubject(stop.date, stop.id), label, event }], label);
}

/** Let the sheet work. */
export function startStop(): void {
  form().addEventListener("change", follow);
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    submit().catch(() => toast("没有保存成功，请重试", "bad"));
  });
  find("#stop-note").addEventListener("click", () => void noteTemperature());
  find("#stop-change").addEventListener("click", () => {
    if (!open) return;
    dialog().close();
    void openChange(open);
  });
}
