/** Frontloader with a mistake in it: on USR2 something goes wrong in the background that nobody catches. */
Deno.addSignalListener("SIGUSR2", () => {
  setTimeout(() => {
    throw new Error("thrown in a timer");
  });
  void Promise.reject(new Error("rejected in the background"));
});
await import("../../src/main.ts");
