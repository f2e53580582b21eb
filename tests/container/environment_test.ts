import assert from "node:assert/strict";
import { containerEnvironment, type EnvironmentSources } from "../../src/container/environment.ts";

function environment(sources: Partial<EnvironmentSources>): Record<string, string> {
  return containerEnvironment({ image: [], machine: {}, settings: {}, uid: 0, ...sources });
}

Deno.test("a container has a search path, a home and little else of its own", () => {
  assert.deepEqual(environment({}), {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    TMPDIR: "/tmp",
    TZ: "UTC",
    HOME: "/root",
  });
});

Deno.test("the home of who is not root is the root directory", () => {
  assert.equal(environment({ uid: 1000 })["HOME"], "/");
});

Deno.test("the image's variables win over the defaults, and the settings' over both", () => {
  const { HOME, PATH, TZ, LANG } = environment({
    image: ["PATH=/image", "TZ=Image/Zone", "HOME=/home/image"],
    settings: { TZ: "Settings/Zone", LANG: "C" },
  });
  assert.deepEqual({ HOME, PATH, TZ, LANG }, {
    HOME: "/home/image",
    PATH: "/image",
    TZ: "Settings/Zone",
    LANG: "C",
  });
});

Deno.test("a variable of the image is cut at its first equals sign alone", () => {
  assert.equal(environment({ image: ["OPTS=-Da=b=c=="] })["OPTS"], "-Da=b=c==");
});

Deno.test("a variable of the image without an equals sign is empty", () => {
  assert.equal(environment({ image: ["BARE"] })["BARE"], "");
});

Deno.test("of two variables of the image with one name the later counts", () => {
  assert.equal(environment({ image: ["A=1", "A=2"] })["A"], "2");
});

Deno.test("a variable can be emptied, and holds what it was given to the letter", () => {
  const { LANG, TEXT } = environment({ settings: { LANG: "", TEXT: ' "ä"\n$A\\ ' } });
  assert.deepEqual({ LANG, TEXT }, { LANG: "", TEXT: ' "ä"\n$A\\ ' });
});

Deno.test("a variable may have the name of something that all JavaScript objects have", () => {
  const result = environment({
    image: ["__proto__=image", "constructor=c"],
    settings: JSON.parse('{"toString": "t"}'),
  });
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
  // As it travels to the stage.
  const received = new Map(Object.entries(JSON.parse(JSON.stringify(result))));
  assert.equal(received.get("__proto__"), "image");
  assert.equal(received.get("constructor"), "c");
  assert.equal(received.get("toString"), "t");
});

Deno.test("what the machine says of itself wins over the image, and the settings win over both", () => {
  const { FL_ZONE, FL_IPV4 } = environment({
    image: ["FL_ZONE=image", "FL_IPV4=image"],
    machine: { FL_ZONE: "machine", FL_IPV4: "machine" },
    settings: { FL_IPV4: "settings" },
  });
  assert.deepEqual([FL_ZONE, FL_IPV4], ["machine", "settings"]);
});
