/** Frontloader's one entry point; each face is loaded when it is called for, so that a stage starts fast. */
const [command] = Deno.args;
if (command === "__stage") {
  const { runStage } = await import("./container/stage/stage.ts");
  Deno.exit(runStage());
}
