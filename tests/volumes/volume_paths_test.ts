import assert from "node:assert/strict";
import { isBelow, reaches } from "../../src/volumes/volume_paths.ts";

const table: [outside: string, volume: string, expected: boolean][] = [
  ["/srv", "/srv", true],
  ["/srv/web", "/srv", true],
  ["/srv/web/", "/srv", true],
  ["/srv2", "/srv", false],
  ["/srv2/x", "/srv", false],
  ["/sr", "/srv", false],
  ["/var/../srv/x", "/srv", true],
  ["/srv/../var", "/srv", false],
  ["/srv/./x//y", "/srv/x", true],
  // What lies below is mounted with it.
  ["/srv", "/srv/data", true],
  ["/", "/srv", true],
  ["/srv/data2", "/srv/data", false],
  // Globs, component by component.
  ["/srv/*", "/srv", true],
  ["/srv/*", "/srv/data", true],
  ["/srv/*/x", "/srv/data", true],
  ["/srv/*/x", "/srv/data/y", false],
  ["/s*", "/srv", true],
  ["/s*/x", "/srv", true],
  ["/v*/x", "/srv", false],
  ["/srv/data[0-3]/x", "/srv/data2", true],
  ["/srv/data[0-3]/x", "/srv/data7", false],
  ["/srv/d?ta", "/srv/data", true],
  ["/etc/ssl/*.pem", "/srv", false],
];

for (const [outside, volume, expected] of table) {
  Deno.test(`a mount of ${outside} ${expected ? "reaches" : "does not reach"} the volume ${volume}`, () => {
    assert.equal(reaches(outside, volume), expected);
  });
}

Deno.test("a path is below another by whole components", () => {
  assert(isBelow("/srv/data", "/srv"));
  assert(!isBelow("/srv", "/srv"));
  assert(!isBelow("/srv2", "/srv"));
  assert(!isBelow("/srv", "/srv/data"));
});
