// Finance: lists by keyboard.
import { startRows } from "../../common/assets/rows";

startRows("finance-row");
