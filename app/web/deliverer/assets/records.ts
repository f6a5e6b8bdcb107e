// What is on this phone: waiting, uploaded, in need of a person; and the file as the last resort.
import type { Operation } from "./events";
import { ago, clock, find, html, show, toast } from "./html";
import { editOrder } from "./order";
import { close, operations, submitAgain } from "./outbox";
import { inState, load, onChange, state } from "./state";
import { sync } from "./sync";

const SHOWN = 60;

function line(one: Operation): ReturnType<typeof html> {
  const pill = {
    waiting: html`<span class="pill warn">待上传</span>`,
    uploaded: html`<span class="pill ok">已上传</span>`,
    refused: html`<span class="pill bad">需处理</span>`,
    closed: html`<span class="pill">已处理</span>`,
  }[one.state];
  return html`<li data-operation="${one.event_id}"><div><b>${one.label}</b><small>${clock(one.event.device_at)}</small></div>${pill}
    ${one.state === "refused" ? html`<p class="why">${one.title ?? "服务器未接受"}</p>
      <p class="acts two">${one.event.kind === "offline_order" ? html`<button type="button" class="button small" data-edit>修改后提交</button>` : html`<button type="button" class="button small" data-again>重新提交</button>`}<button type="button" class="button small" data-close-it>已处理</button></p>` : ""}
  </li>`;
}

function netText(): { text: string; kind: string } {
  const waiting = inState("waiting").length;
  const refused = inState("refused").length;
  if (refused) return { text: `${refused} 条需处理`, kind: "bad" };
  if (state.loginNeeded) return { text: waiting ? `请登录 · 待上传 ${waiting} 条` : "请登录", kind: "bad" };
  if (state.offline) return { text: waiting ? `离线 · 待上传 ${waiting} 条` : "离线可用", kind: "warn" };
  return waiting ? { text: `待上传 ${waiting} 条`, kind: "warn" } : { text: "已全部上传", kind: "ok" };
}

function summary(): string {
  const waiting = inState("waiting");
  if (!waiting.length) return "这台手机上的记录都已上传。";
  const oldest = Math.min(...waiting.map((one) => one.saved_at));
  return `${waiting.length} 条已保存在手机上，等待上传；最早一条是 ${ago(oldest)}。`;
}

function render(): void {
  const net = netText();
  const pill = find("#net");
  pill.className = `pill ${net.kind}`;
  if (pill.textContent !== net.text) pill.textContent = net.text;
  find("#records-summary").textContent = summary();
  find("#records-foreign").hidden = !state.foreign;
  find("#records-foreign").textContent = `还有 ${state.foreign} 条是其他人用这台手机登记的，要本人登录才能上传。`;
  const order = { refused: 0, waiting: 1, uploaded: 2, closed: 3 };
  const sorted = [...state.operations].reverse().sort((one, two) => order[one.state] - order[two.state]);
  show(find("#records"), html`${sorted.slice(0, SHOWN).map(line)}`);
}

async function exportAll(): Promise<void> {
  const all = await operations();
  const kept = all.filter((one) => one.state === "waiting" || one.state === "refused");
  const content = JSON.stringify({ made_at: new Date().toISOString(), account: state.account, events: kept }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = `suixinding-${new Date().toISOString().slice(0, 16).replaceAll(":", "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  toast(`已导出 ${kept.length} 条，请发给站长`);
}

async function act(event: MouseEvent): Promise<void> {
  const target = event.target as Element;
  const id = target.closest<HTMLElement>("[data-operation]")?.dataset["operation"];
  if (!id) return;
  const operation = state.operations.find((one) => one.event_id === id);
  if (target.closest("[data-edit]") && operation) {
    find<HTMLDialogElement>("#records-dialog").close();
    editOrder(operation);
  } else if (target.closest("[data-again]")) {
    await submitAgain(id);
    await load();
    void sync();
  } else if (target.closest("[data-close-it]")) {
    await close(id);
    await load();
  }
}

/** Show the records and listen. */
export function startRecords(): void {
  find("#records").addEventListener("click", (event) => void act(event));
  find("#upload-now").addEventListener("click", () => void sync(true));
  for (const button of document.querySelectorAll("[data-export]")) {
    button.addEventListener("click", () => void exportAll());
  }
  onChange(render);
  setInterval(render, 30_000);
}
