import { runProgram } from "../programs.ts";
import { SystemService } from "../system_service.ts";

/** Users that packages of chrony make for it; it gives up root for them. */
const USERS = ["_chrony", "chrony"];

/**
 * Sets the clock, once.
 *
 * @param patienceMs how long an answer is waited for
 * @returns false if there is none by then
 * @throws {Error} if it cannot be asked for
 */
export async function setTime(servers: readonly string[], patienceMs: number): Promise<boolean> {
  const patience = ["-t", String(Math.ceil(patienceMs / 1000))];
  // One measurement is enough here: what is needed is a time by which certificates can be judged.
  const asked = directives(servers, "iburst maxsamples 1");
  const { success } = await runProgram(["chronyd", "-q", ...patience, ...user(), ...asked], {
    // It ends by itself: this is for one that does not.
    timeoutMs: patienceMs + 60_000,
    mayFail: true,
  });
  return success;
}

/** Keeps the clock right. */
export function timeService(servers: readonly string[]): SystemService {
  return new SystemService({
    name: "time",
    command: () => [
      ...["chronyd", "-d", ...user(), ...directives(servers, "iburst")],
      // The clock may still be wrong: for its first three measurements it is set, and from then on only slowed or hastened.
      "makestep 1 3",
      // The hardware's clock is set with it, for the next boot.
      "rtcsync",
      // Nobody asks it for anything: neither by network nor by socket.
      ...["port 0", "cmdport 0"],
    ],
  });
}

/** Lines of a chrony.conf(5), which are taken as arguments too. `server NAME`: all addresses of a name are one server. */
function directives(servers: readonly string[], options: string): string[] {
  return servers.map((server) => `server ${server} ${options}`);
}

function user(): string[] {
  const passwd = readText("/etc/passwd").split("\n").map((line) => line.split(":")[0]);
  const found = USERS.find((name) => passwd.includes(name));
  return ["-u", found ?? "root"];
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
