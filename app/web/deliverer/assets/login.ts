// The login inside the shell: what waits on the phone stays there, whoever logs in.
import { find } from "./html";
import { forgetSession, problemOf, request } from "./session";
import { inState, onChange, state } from "./state";
import { sync } from "./sync";

const dialog = (): HTMLDialogElement => find<HTMLDialogElement>("#login-dialog");
const form = (): HTMLFormElement => find<HTMLFormElement>("#login-form");
let put_off = false;

function tell(text: string): void {
  const place = find("#login-error");
  place.textContent = text;
  place.hidden = !text;
}

function why(): string {
  const waiting = inState("waiting").length;
  if (state.notDeliverer) return "现在登录的账号不是送奶员，请用送奶员账号登录。";
  if (!state.account) return state.offline ? "第一次使用需要网络。请到有信号的地方登录。" : "请用送奶员账号登录，路线会存到这台手机上。";
  const kept = waiting ? `${waiting} 条记录都安全地存在手机上，登录后自动上传。` : "";
  return `登录已过期。${kept}请用「${state.account.display_name}」的账号登录。`;
}

function render(): void {
  const stranger = !state.account;
  document.body.classList.toggle("stranger", stranger);
  find("#login-why").textContent = why();
  find("#login-later").hidden = stranger;
  find("#login-again").hidden = !state.loginNeeded || stranger;
  const wanted = stranger || (state.loginNeeded && !put_off);
  if (wanted && !dialog().open && !document.querySelector("dialog[open]")) dialog().showModal();
  if (!wanted && dialog().open) dialog().close();
  if (!state.loginNeeded) put_off = false;
}

async function logIn(): Promise<void> {
  tell("");
  const button = find<HTMLButtonElement>("#login-go");
  button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(form()) as unknown as Record<string, string>);
    const answer = await request("/login", { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.ok) {
      tell((await problemOf(answer)).title ?? "登录未成功，请稍后再试");
      return;
    }
    forgetSession();
    state.loginNeeded = false;
    await sync(true);
    if (state.loginNeeded) tell(why());
    else form().reset();
  } catch {
    tell("网络不通，请到有信号的地方再试");
  } finally {
    button.disabled = false;
  }
}

/** Ask for a login when one is needed. */
export function startLogin(): void {
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    void logIn();
  });
  dialog().addEventListener("cancel", (event) => {
    if (!state.account) event.preventDefault();
    put_off = true;
  });
  find("#login-later").addEventListener("click", () => {
    put_off = true;
    dialog().close();
  });
  find("#login-again").addEventListener("click", () => {
    put_off = false;
    render();
  });
  onChange(render);
}
