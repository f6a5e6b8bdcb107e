// The round: stops in order, the tap, the search, several at once.
import type { Operation } from "./events";
import { stopSubject } from "./events";
import { onHold } from "./hold";
import { clock, day, find, html, icon, show, showList, toast, type Markup } from "./html";
import { UNDO_MS } from "./outbox";
import { dates, lookAt, onChange, reasonTitle, state, stops, today } from "./state";
import { openStop } from "./stop";
import { countDay, dayAfter, type ShownStop } from "./stops";
import { record } from "./sync";

let onlyOpen = true;
let wanted = "";
let choosing = false;
const chosen = new Set<string>();

/** Whether a stop's events kept on the phone already say what became of it. */
export function isSaid(earlier: Operation[]): boolean {
  return earlier.some(
    (one) =>
      (one.event.kind === "stop_done" || one.event.kind === "correction") &&
      (one.state === "waiting" || (one.state === "uploaded" && (one.answered_at ?? 0) >= (state.kept?.asked_at ?? 0))),
  );
}

function matches(stop: ShownStop): boolean {
  if (onlyOpen && stop.state !== "todo" && stop.kept !== "refused") return false;
  if (!wanted) return true;
  const text = `${stop.no} ${stop.building} ${stop.door} ${stop.recipient} ${stop.phone} ${stop.note}`.toLowerCase();
  return wanted.split(/\s+/).every((word) => text.includes(word));
}

/** What became of a stop, in words. */
export function outcomeText(stop: ShownStop): string {
  if (stop.state === "todo") return "未送";
  const when = stop.at ? ` ${clock(stop.at)}` : "";
  if (stop.state === "made") return `已送达${when}${stop.bulk ? "（批量）" : ""}`;
  const brought = stop.lines.reduce((sum, line) => sum + line.delivered, 0);
  const what = stop.state === "failed" ? "未送达" : `少送，送到 ${brought}/${stop.bottles} 瓶`;
  return `${what}${stop.reason ? ` · ${reasonTitle(stop.reason)}` : ""}${when}`;
}

function keptPill(stop: ShownStop): Markup {
  if (stop.kept === "refused") return html`<span class="pill bad">${stop.refusal || "未被接受"}</span>`;
  if (stop.state === "todo") return html``;
  return stop.kept === "waiting" ? html`<span class="pill warn">已保存，待上传</span>` : html`<span class="pill ok">已上传</span>`;
}

function phoneText(phone: string): Markup {
  return /^[0-9-]+$/.test(phone) ? html`<a href="tel:${phone}">${phone}</a>` : html`${phone}`;
}

function items(stop: ShownStop): Markup {
  return html`<ul class="items">
    ${stop.lines.map((line) => html`<li><span>${line.product} <small>${line.specification}</small></span><b>× ${line.quantity}</b></li>`)}
  </ul>`;
}

function openCard(stop: ShownStop, due: boolean): Markup {
  const act = choosing
    ? html`<label class="choose"><input type="checkbox" data-choose="${stop.id}" ${chosen.has(stop.id) ? html`checked` : ""}>选中这一户</label>`
    : due
      ? html`<div class="acts">
          <button type="button" class="button primary hold" data-hold data-focus="hold-${stop.id}" aria-describedby="hold-hint">
            <svg class="ring" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="9"/><path d="m8 12 3 3 5-6"/></svg>已送达</button>
          <button type="button" class="button" data-more data-focus="more-${stop.id}">其他</button>
        </div>`
      : html`<p class="quiet">到 ${day(stop.date)} 才能登记</p>`;
  return html`<article class="stop" data-stop="${stop.id}" aria-labelledby="name-${stop.id}">
    <header><span class="no">${stop.no}</span><div>
      <h2 id="name-${stop.id}">${stop.building} <b>${stop.door}</b></h2>
      <p class="who">${stop.recipient}${stop.phone ? html` · ${phoneText(stop.phone)}` : ""}</p>
    </div></header>
    ${items(stop)}
    ${stop.note ? html`<p class="note">${icon("exclamation-circle")}<span>${stop.note}</span></p>` : ""}
    ${stop.kept === "refused" ? html`<p class="kept">${keptPill(stop)}</p>` : ""}
    ${act}
  </article>`;
}

function doneCard(stop: ShownStop): Markup {
  return html`<article class="stop done ${stop.state}" data-stop="${stop.id}" aria-labelledby="name-${stop.id}">
    <header><span class="no">${stop.state === "made" ? icon("check-lg") : icon("exclamation-lg")}</span><div>
      <h2 id="name-${stop.id}">${stop.building} <b>${stop.door}</b></h2>
      <p class="who">${outcomeText(stop)}</p>
    </div></header>
    <div class="kept">${keptPill(stop)}<button type="button" class="button small" data-more data-focus="more-${stop.id}">更正</button></div>
  </article>`;
}

function nothing(all: ShownStop[]): Markup {
  if (!state.kept) return html`<div class="empty">${icon("cloud-slash")}<h2>还没有路线</h2><p>请在有网络的地方打开一次本页，路线会存到手机上。</p></div>`;
  if (!all.length && state.kept.book.service_date < dayAfter(today(), -1)) {
    return html`<div class="empty">${icon("cloud-slash")}<h2>手机上的路线过期了</h2><p>它是 ${day(state.kept.book.service_date)} 的，请在有网络的地方打开一次。</p></div>`;
  }
  if (!all.length) return html`<div class="empty">${icon("cup-hot")}<h2>今天没有您的路线</h2><p>明天的路线在前一天截单之后出来。</p></div>`;
  if (wanted) return html`<div class="empty">${icon("search")}<h2>没有找到</h2><p>换个词试试，或切换到「全部」。</p></div>`;
  return html`<div class="empty good">${icon("check2-circle")}<h2>今天的都登记完了</h2><p>辛苦了。请看「我的」里有没有待上传的记录。</p></div>`;
}

function render(): void {
  const all = stops();
  const count = countDay(all);
  const open = all.filter((stop) => stop.state === "todo");
  const done = count.due - open.length;
  const own = state.kept?.book.blocks.filter((block) => all.some((stop) => stop.block === block.id)) ?? [];
  find("#title").textContent = own.map((block) => block.name).join("、") || "今日路线";
  const progress = find<HTMLProgressElement>("#progress");
  progress.max = Math.max(count.due, 1);
  progress.value = done;
  find("#count").textContent = `${done}/${count.due} 户`;
  const left = [`还剩 ${open.length} 户`, `共 ${count.bottles} 瓶`, open.length ? untilSeven() : ""];
  find("#left").textContent = count.due ? left.filter(Boolean).join(" · ") : "";
  find("#only-open-count").textContent = String(open.length);
  find("#all-count").textContent = String(count.due);
  find("#several").hidden = open.length < 2 || state.date > today();
  find("#several").setAttribute("aria-pressed", String(choosing));
  renderDays();
  for (const id of [...chosen]) if (!open.some((stop) => stop.id === id)) chosen.delete(id);
  find("#bulk-bar").hidden = !choosing;
  find("#bulk-count").textContent = String(chosen.size);
  find<HTMLButtonElement>("#bulk-go").disabled = !chosen.size;
  const visible = all.filter(matches);
  const due = state.date <= today();
  const cards = visible.map((stop) => ({
    key: stop.id,
    markup: stop.state === "todo" ? openCard(stop, due) : doneCard(stop),
  }));
  showList(find("#stops"), cards.length ? cards : [{ key: "nothing", markup: nothing(all) }]);
  offerNext();
}

function nextCard(): HTMLElement | undefined {
  return document.querySelector<HTMLElement>("#stops [data-stop]:not(.done)") ?? undefined;
}

/** The way to the next door is offered only where that is out of sight: it would cover buttons. */
function offerNext(): void {
  const place = choosing ? undefined : nextCard()?.getBoundingClientRect();
  const top = find(".appbar").getBoundingClientRect().bottom;
  find("#next").hidden = !place || (place.bottom > top && place.top < innerHeight - 200);
}

/** What is left until the milk should be at all doors (S1 5.2.1), by the server's clock. */
function untilSeven(): string {
  if (!state.kept || state.date !== today()) return "";
  const now = Date.now() + state.kept.offset_ms;
  const minutes = Math.floor((Date.parse(`${state.date}T07:00:00+08:00`) - now) / 60_000);
  if (minutes < 0) return "已过 7:00";
  return minutes < 60 ? `距 7:00 还有 ${minutes} 分钟` : `距 7:00 还有 ${Math.floor(minutes / 60)} 小时 ${minutes % 60} 分`;
}

function renderDays(): void {
  const days = dates();
  find("#days").hidden = days.length < 2 && days[0] === today();
  const buttons = days.map(
    (date) => html`<button type="button" class="chip" data-day="${date}" data-focus="day-${date}" aria-pressed="${String(date === state.date)}">${
      date === today() ? "今天" : "明天"
    } <small>${day(date)}</small></button>`,
  );
  show(find("#days"), html`${buttons}`);
}

function stopOf(element: Element): ShownStop | undefined {
  const id = element.closest<HTMLElement>("[data-stop]")?.dataset["stop"];
  return stops().find((stop) => stop.id === id);
}

async function deliver(button: HTMLElement): Promise<void> {
  const stop = stopOf(button);
  if (stop?.state !== "todo") return;
  const byKeyboard = button === document.activeElement && button.matches(":focus-visible");
  const next = button.closest("[data-key]")?.nextElementSibling?.getAttribute("data-key");
  await record([{ ...delivered(stop), undo_ms: UNDO_MS }], `已送达：${stop.building} ${stop.door}`, isSaid);
  if (byKeyboard && next) document.querySelector<HTMLElement>(`[data-focus="hold-${next}"]`)?.focus();
}

function delivered(stop: ShownStop, bulk = false): Parameters<typeof record>[0][number] {
  return {
    subject: stopSubject(stop.date, stop.id),
    label: `${stop.building} ${stop.door} 已送达`,
    event: {
      kind: "stop_done",
      stop: stop.id,
      service_date: stop.date,
      outcome: "delivered",
      ...(bulk ? { bulk: true } : {}),
    },
  };
}

async function deliverSeveral(): Promise<void> {
  const several = stops().filter((stop) => chosen.has(stop.id) && stop.state === "todo");
  choosing = false;
  chosen.clear();
  const drafts = several.map((stop) => ({ ...delivered(stop, true), undo_ms: UNDO_MS }));
  await record(drafts, `批量登记 ${drafts.length} 户已送达`, isSaid);
}

function jump(): void {
  const card = nextCard();
  if (!card) return;
  card.scrollIntoView({ block: "start", behavior: "smooth" });
  card.querySelector<HTMLElement>("[data-hold]")?.focus({ preventScroll: true });
}

function startFilters(): void {
  find("#search").addEventListener("input", (event) => {
    wanted = (event.target as HTMLInputElement).value.trim().toLowerCase();
    render();
  });
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-filter]")) {
    button.addEventListener("click", () => {
      onlyOpen = button.dataset["filter"] === "open";
      for (const one of document.querySelectorAll("[data-filter]")) {
        one.setAttribute("aria-pressed", String(one === button));
      }
      render();
    });
  }
  find("#days").addEventListener("click", (event) => {
    const date = (event.target as Element).closest<HTMLElement>("[data-day]")?.dataset["day"];
    if (date) lookAt(date);
  });
}

function startBulk(): void {
  find("#several").addEventListener("click", () => {
    choosing = !choosing;
    chosen.clear();
    render();
  });
  find("#bulk-cancel").addEventListener("click", () => {
    choosing = false;
    render();
  });
  const dialog = find<HTMLDialogElement>("#bulk-dialog");
  find("#bulk-go").addEventListener("click", () => {
    find("#bulk-what").textContent = `把选中的 ${chosen.size} 户登记为已送达？`;
    dialog.showModal();
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") void deliverSeveral();
    dialog.returnValue = "";
  });
}

/** Show the round and listen. */
export function startRoute(): void {
  const list = find("#stops");
  onHold(list, {
    done: (button) => void deliver(button),
    short: () => toast("请按住「已送达」，圆圈走满才算登记"),
    otherwise: (button) => {
      const stop = stopOf(button);
      if (stop) openStop(stop);
    },
  });
  list.addEventListener("click", (event) => {
    const target = event.target as Element;
    const stop = stopOf(target);
    if (target.closest("[data-more]") && stop) openStop(stop);
  });
  list.addEventListener("change", (event) => {
    const box = event.target as HTMLInputElement;
    const id = box.dataset["choose"];
    if (!id) return;
    if (box.checked) chosen.add(id);
    else chosen.delete(id);
    find("#bulk-count").textContent = String(chosen.size);
    find<HTMLButtonElement>("#bulk-go").disabled = !chosen.size;
  });
  find("#next").addEventListener("click", jump);
  addEventListener("scroll", offerNext, { passive: true });
  startFilters();
  startBulk();
  onChange(render);
  setInterval(render, 30_000);
}
