import { getLogger } from "@logtape/logtape";
import { umask } from "../../ffi/process.ts";
import { errorChain } from "../log/error_chain.ts";
import type { SupervisorStatus } from "../supervisor/supervisor.ts";

const logger = getLogger(["frontloader", "control"]);

/** What can be asked of a running Frontloader. */
export interface Controlled {
  status(): SupervisorStatus;
  update(id: string | undefined): Promise<Record<string, string> | undefined>;
}

/**
 * Answers `frontloader status` and `frontloader update` on a unix socket that only root can open. It speaks HTTP, so that
 * `curl --unix-socket` does as a client too: `GET /status`, `POST /update` and `POST /update/ID`.
 *
 * @param path of the socket; what is there already is in the way (the run directory's lock vouches that it is unused)
 * @returns the server; shut it down when done
 */
export function serveControl(path: string, controlled: Controlled): Deno.HttpServer {
  // The socket must not be open to others even for the moment between its creation and a chmod.
  const before = umask(0o177);
  try {
    return Deno.serve({
      path,
      onListen: () => {},
      onError: (error) => {
        logger.error("Cannot answer a control request: {reason}", {
          reason: errorChain(error).join(": "),
        });
        return Response.json({ error: "internal error, see the log" }, { status: 500 });
      },
    }, (request) => answerControl(request, controlled));
  } finally {
    umask(before);
  }
}

/**
 * Answers one request of the control socket.
 *
 * @returns JSON in any case; what is wrong with a request is in its `error`
 */
export async function answerControl(request: Request, controlled: Controlled): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/status") return Response.json(controlled.status());
  const update = /^\/update(?:\/([^/]+))?$/.exec(pathname);
  if (request.method === "POST" && update !== null) {
    const id = update[1] === undefined ? undefined : decodeSegment(update[1]);
    const results = await controlled.update(id);
    if (results === undefined) {
      return Response.json({ error: `no container "${id}"` }, { status: 404 });
    }
    return Response.json(results);
  }
  return Response.json({ error: `no such request: ${request.method} ${pathname}` }, {
    status: 404,
  });
}

/** What is no percent-encoding is taken as it is: there is no container of that name. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
