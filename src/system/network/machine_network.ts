import { bringLinkUp } from "../../../ffi/network_interface.ts";
import { runProgram } from "../programs.ts";
import { SystemService } from "../system_service.ts";
import { readLease } from "./lease.ts";
import { links } from "./links.ts";
import { Network } from "./network.ts";
import { staticAddress } from "./static_address.ts";

/** Configures an interface, for udhcpc and for us. */
const SCRIPT = "/usr/share/udhcpc/default.script";
/** It takes a moment: this is for one that hangs, since it is not run again. */
const TIMEOUT_MS = 60_000;

/** What the DHCP server is asked for beyond the usual: names of busybox. */
const OPTIONS = ["staticroutes", "mtu", "ntpsrv", "search"];

/**
 * This machine's network: by `ip=` of the kernel's command line, or else by DHCP.
 *
 * @throws {Error} if `ip=` is malformed
 */
export function machineNetwork(commandLine: string): Network {
  return new Network({
    links,
    bringUp: bringLinkUp,
    dhcpClient: (link) => new SystemService({ name: "dhcp", command: () => dhcpCommand(link) }),
    configure: async (event, link, variables) => {
      await runProgram([SCRIPT, event], {
        env: { ...variables, interface: link },
        timeoutMs: TIMEOUT_MS,
      });
    },
    lease: readLease,
  }, staticAddress(commandLine));
}

/** `-f`: in the foreground; `-t`, `-T`, `-A`: it asks every second, 8 times, then rests for 5 s, and so on without end. */
function dhcpCommand(link: string): string[] {
  return [
    ...["udhcpc", "-f", "-i", link, "-s", SCRIPT, "-t", "8", "-T", "1", "-A", "5"],
    ...OPTIONS.flatMap((option) => ["-O", option]),
  ];
}
