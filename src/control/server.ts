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

/** The control socket's end of a running Frontloader. */
export interface ControlServer {
  /** Closes the socket, and resolves once all requests so far are answered. */
  shutdown(): Promise<void>;
}

/** So long after it broke the control socket is opened again. */
const REOPEN_MS = 5_000;

/**
 * Answers `frontloader status` and `frontloader update` on a unix socket that only root can open. It speaks HTTP, so that
 * `curl --unix-socket` does as a client too: `GET /status`, `POST /update` and `POST /update/ID`.
 *
 * @param path of the socket; what is there already is in the way (the run directory's lock vouches that it is unused)
 * @returns the server; shut it down when done
 */
export function serveControl(path: string, controlled: Controlled): ControlServer {
  let server = listen(path, controlled);
  let wanted = true;
  // Deno gives up a server that cannot accept a connection, as when this process has run out of descriptors.
  const reopen = async (error: unknown): Promise<void> => {
    logger.error("The control socket broke, and is opened again: {reason}", {
      reason: errorChain(error).join(": "),
    });
    await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
    if (!wanted) return;
    try {
      server = listen(path, controlled);
    } catch (error) {
      return reopen(error);
    }
    return server.finished.catch(reopen);
  };
  server.finished.catch(reopen);
  return {
    shutdown() {
      wanted = false;
      return server.shutdown();
    },
  };
}

function listen(path: string, controlled: Controlled): Deno.HttpServer {
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
