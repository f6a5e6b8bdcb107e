// Product temperature as the milk is taken over at the station (S1 4.4.6).
import type { Operation } from "./events";
import { clock, find, html, icon, show } from "./html";
import { onChange, state, stops } from "./state";
import { record } from "./sync";

const UNNAMED_LIMIT = 6;

const form = (): HTMLFormElement => find<HTMLFormElement>("#handover-form");

interface Share {
  block: string;
  name: string;
  products: { id: string; name: string; bottles: number; limit: number | null }[];
}

function shares(): Share[] {
  const book = state.kept?.book;
  if (!book) return [];
  const rounds = book.rounds.filter((round) => round.service_date === state.date);
  return rounds.map((round) => {
    const bottles = new Map<string, number>();
    for (const stop of round.items) {
      for (const one of stop.deliveries) bottles.set(one.product_id, (bottles.get(one.product_id) ?? 0) + one.quantity);
    }
    const products = book.products
      .filter((product) => bottles.has(product.id))
      .map((product) => ({
        id: product.id,
        name: `${product.name} ${product.specification}`,
        bottles: bottles.get(product.id) ?? 0,
        limit: product.max_celsius === null ? null : Number(product.max_celsius),
      }));
    return { block: round.block_id, name: book.blocks.find((block) => block.id === round.block_id)?.name ?? "", products };
  });
}

function limit(): number | null {
  const data = new FormData(form());
  const share = shares().find((one) => one.block === data.get("block"));
  const product = share?.products.find((one) => one.id === data.get("product"));
  return product ? product.limit : UNNAMED_LIMIT;
}

function follow(): void {
  const value = find<HTMLInputElement>("#handover-celsius").value;
  const most = limit();
  const warm = value !== "" && most !== null && Number(value) > most;
  find("#handover-warm").hidden = !warm;
  find("#handover-warm-text").textContent = `高于 ${most ?? ""} ℃，请先不要带走，马上告诉站长。`;
  find("#handover-limit").textContent = most === null ? "常温产品，不限温度" : `不高于 ${most} ℃ 为合格`;
}

function facts(one: Operation): string {
  if (one.state === "waiting") return "已保存，待上传";
  if (one.state === "uploaded") return one.facts?.["passed"] === false ? "已上传 · 不合格" : "已上传 · 合格";
  return one.title ?? "未被接受";
}

function render(): void {
  const found = shares();
  form().hidden = !found.length;
  find("#handover-none").hidden = found.length > 0;
  const blocks = found.map((share) => html`<option value="${share.block}">${share.name}</option>`);
  show(find("#handover-block"), html`${blocks}`);
  find("#handover-block-field").hidden = found.length < 2;
  renderProducts();
  const told = state.operations.filter((one) => one.event.kind === "handover" && one.state !== "closed").reverse();
  show(
    find("#handover-told"),
    html`${told.map(
      (one) => html`<li><b>${one.event.kind === "handover" ? `${one.event.celsius} ℃` : ""}</b>
        <span>${one.label}<br><small>${clock(one.event.device_at)} · ${facts(one)}</small></span></li>`,
    )}`,
  );
  find("#handover-told-head").hidden = !told.length;
}

function renderProducts(): void {
  const block = find<HTMLSelectElement>("#handover-block").value;
  const products = shares().find((share) => share.block === block)?.products ?? [];
  show(
    find("#handover-totals"),
    html`${products.map((product) => html`<li><span>${product.name}</span><b>${product.bottles} 瓶</b></li>`)}`,
  );
  const options = products.map((product) => html`<option value="${product.id}">${product.name}</option>`);
  show(find("#handover-product"), html`<option value="">整批（抽一瓶）</option>${options}`);
  follow();
}

async function submit(): Promise<void> {
  const data = new FormData(form());
  const share = shares().find((one) => one.block === data.get("block"));
  if (!share || data.get("celsius") === "") return;
  const celsius = Number(data.get("celsius"));
  const product = share.products.find((one) => one.id === data.get("product"));
  find<HTMLInputElement>("#handover-celsius").value = ""; // a second tap finds an empty field
  follow();
  const label = `${share.name} ${product?.name ?? "整批"} 交接温度`;
  await record(
    [
      {
        subject: `handover:${state.date}:${share.block}`,
        label,
        event: {
          kind: "handover",
          block: share.block,
          service_date: state.date,
          celsius,
          ...(product ? { product: product.id } : {}),
        },
      },
    ],
    `已保存：${celsius} ℃`,
  );
}

/** Show the handover and listen. */
export function startHandover(): void {
  form().addEventListener("input", follow);
  find("#handover-block").addEventListener("change", renderProducts);
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
  onChange(() => {
    if (stops().length || state.kept) render();
  });
  show(find("#handover-icon"), icon("thermometer-half"));
}
