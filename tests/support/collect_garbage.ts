import v8 from "node:v8";
import vm from "node:vm";

/** Has V8 collect all garbage of this process now: what is left then is held on to. */
export function collectGarbage(): void {
  v8.setFlagsFromString("--expose-gc");
  vm.runInNewContext("gc")();
}
