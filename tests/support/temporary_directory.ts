/** A directory of the test's own, removed with everything in it when it is disposed of. */
export class TemporaryDirectory implements Disposable {
  readonly path: string;

  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "frontloader-test." });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
