// The own day: cash, what was done, the month; look, installation, logout.
import { keys } from "./book";
import { ago, day, find, html, show, toast, yuan } from "./html";
import { dropDone } from "./outbox";
import { ask, forgetSession } from "./session";
import { inState, load, onChange, state, stops } from "./state";
import { countDay } from "./stops";
import { drop } from "./store";
import { pullMonth, sync } from "./sync";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}
let installation: InstallPrompt | undefined;

function row(label: string, value: string, more = ""): ReturnType<typeof html> {
  return html`<div><dt>${label}</dt><dd>${value}${more ? html`<small>${more}</small>` : ""}</dd></div>`;
}

function renderCash(): void {
  const waiting = inState("waiting").reduce(
    (sum, one) => sum + (one.event.kind === "offline_order" && one.event.order.pay_channel === "cash" ? one.event.order.amount_fen : 0),
    0,
  );
  const held = state.morning?.value.cash_held_fen;
  find("#cash").textContent = yuan((held ?? 0) + waiting);
  const parts = [
    held === undefined ? "还没有联网取到已入账的现金" : `已入账 ${yuan(held)}（${ago(state.morning?.at ?? 0)}）`,
    waiting ? `待上传 ${yuan(waiting)}` : "",
  ];
  find("#cash-parts").textContent = parts.filter(Boolean).join("，");
}

function renderDay(): void {
  const count = countDay(stops());
  find("#day-head").textContent = state.date ? day(state.date) : "今天";
  show(
    find("#day"),
    html`${row("应送", `${count.due} 户`)}${row("送齐", `${count.made} 户`)}${row("少送", `${count.partly} 户`)}${row("未送达", `${count.failed} 户`)}
      ${row("未登记", `${count.due - count.made - count.partly - count.failed} 户`)}${row("送到", `${count.brought}/${count.bottles} 瓶`)}`,
  );
}

function renderMonth(): void {
  const month = state.month?.value;
  find("#month-none").hidden = Boolean(month);
  if (!month) return;
  const of = (key: string): (typeof month.items)[number] | undefined => month.items.find((item) => item.key === key);
  const onTime = of("on_time_rate");
  const ratings = of("satisfaction")?.beside.ratings;
  const complaints = of("complaint_rate");
  show(
    find("#month"),
    html`${row("7 点前送齐", onTime?.value ? `${onTime.value}%` : "暂无", `${onTime?.numerator ?? 0}/${onTime?.denominator ?? 0} 户，目标 ${onTime?.target ?? ""}%`)}
      ${row("顾客评价", ratings?.rate ? `${ratings.rate}%` : "暂无", `${ratings?.answers ?? 0} 次评价，${ratings?.good ?? 0} 次满意`)}
      ${row("投诉", `${complaints?.numerator ?? 0} 件`)}${row("批量补录", `${onTime?.beside.bulk_marked ?? 0} 户`, "不计入准时")}`,
  );
}

function render(): void {
  find("#me-name").textContent = state.account?.display_name ?? "";
  renderCash();
  renderDay();
  renderMonth();
}

function startLook(): void {
  const chosen = localStorage.getItem("theme") ?? "auto";
  for (const input of document.querySelectorAll<HTMLInputElement>("[name=theme]")) {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      localStorage.setItem("theme", input.value);
      dispatchEvent(new Event("theme"));
    });
  }
}

function startInstallation(): void {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    installation = event as InstallPrompt;
    find("#install").hidden = false;
  });
  find("#install").addEventListener("click", () => {
    void installation?.prompt();
    find("#install").hidden = true;
  });
}

async function logOut(): Promise<void> {
  const account = state.account?.account_id;
  if (!account) return;
  try {
    const answer = await ask("/logout", account, { method: "POST", redirect: "manual" });
    if (answer.type !== "opaqueredirect" && !answer.ok) throw new Error(`logout ${answer.status}`);
  } catch {
    toast("没有网络，暂时不能退出", "bad");
    return;
  }
  forgetSession();
  await dropDone(account);
  for (const key of [keys.book(account), keys.morning(account), keys.month(account), keys.draft(account), keys.wishes(account), keys.changes(account), "account"]) {
    await drop(key);
  }
  location.reload();
}

function startLogout(): void {
  const dialog = find<HTMLDialogElement>("#logout-dialog");
  find("#logout").addEventListener("click", () => {
    const waiting = inState("waiting").length + inState("refused").length;
    find("#logout-waiting").hidden = !waiting;
    find("#logout-waiting").textContent = `还有 ${waiting} 条记录没有上传成功。请先联网上传；若现在退出，记录仍留在这台手机上，要您本人再登录才能上传。`;
    find("#logout-go").textContent = waiting ? "仍要退出" : "退出登录";
    find<HTMLButtonElement>("#logout-upload").hidden = !waiting;
    dialog.showModal();
  });
  find("#logout-upload").addEventListener("click", () => {
    dialog.close();
    void sync(true);
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") void logOut();
    dialog.returnValue = "";
  });
}

/** Show the own day and listen. */
export function startMe(): void {
  startLook();
  startInstallation();
  startLogout();
  onChange(render);
  addEventListener("hashchange", () => {
    if (location.hash === "#me") void pullMonth().then(load);
  });
}
