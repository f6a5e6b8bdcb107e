// On every page: one session, one clock, one way to ask, to tell and to keep what was typed.
import { startConfirming } from "./confirm";
import { startDialogs } from "./dialogs";
import { startDrafts } from "./drafts";
import { startForms } from "./forms";
import { startKeys } from "./keys";
import { startSession } from "./session";
import { startClock } from "./time";

startDialogs();
startSession();
startClock();
startConfirming();
startDrafts();
startForms();
startKeys();
document.documentElement.dataset["ready"] = "";
