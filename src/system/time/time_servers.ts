/** Amazon's, on every EC2 machine. */
const EC2_SERVER = "169.254.169.123";
/** For machines that are told of none: anycast, and meant for everybody. */
const DEFAULT_SERVER = "time.cloudflare.com";

/**
 * Which servers tell the machine the time: those that somebody has named for it, or else its network, or else the cloud's.
 *
 * @param environment `FL_NTP`: names or addresses, separated by spaces or commas; `FL_ENV`
 * @param fromNetwork those that came with the machine's address
 */
export function timeServers(
  { FL_NTP, FL_ENV }: Readonly<Record<string, string | undefined>>,
  fromNetwork: readonly string[],
): readonly string[] {
  const named = (FL_NTP ?? "").split(/[\s,]+/).filter((name) => name !== "");
  if (named.length > 0) return named;
  if (fromNetwork.length > 0) return fromNetwork;
  return [FL_ENV === "ec2" ? EC2_SERVER : DEFAULT_SERVER];
}
