// A worker for Martlet in Node, without packages. Arguments: the queues to serve.
import { setTimeout as sleep } from "node:timers/promises";

const { MARTLET_SERVER: server = "http://127.0.0.1:8080", MARTLET_TOKEN: secret } = process.env;
const headers = { "content-type": "application/json", ...(secret && { authorization: `Bearer ${secret}` }) };
const me = `node-${process.pid}-${Date.now()}`;
const held = new Map(); // the token of each job that runs here, and how to stop its handler
const [slots, stopping] = [4, new AbortController()];
process.once("SIGTERM", () => stopping.abort());

const handlers = {
  echo: async (payload) => payload,
  sleep: (payload, signal) => sleep(payload.seconds * 1000, true, { signal }),
};

// Sends a request until the server answers; every request of a worker may be repeated.
async function call(method, path, body, { tries = 60, signal } = {}) {
  for (let turn = 0; turn < tries && !signal?.aborted; turn++) {
    try {
      const answer = await fetch(`${server}/api/v1${path}`, { method, headers, body: JSON.stringify(body), signal });
      const text = await answer.text();
      if (answer.status !== 429 && answer.status !== 503) return JSON.parse(text || "{}");
    } catch {} // the server restarts, the connection was cut, or the worker stops
    await sleep(Math.min(100 * 2 ** turn, 5000));
  }
  return {};
}

async function run({ token, job }) {
  const stop = new AbortController();
  held.set(token, stop);
  let [word, end] = ["complete", {}];
  try {
    end.result = await handlers[job.type](job.payload, stop.signal);
  } catch (error) {
    [word, end] = ["fail", { error: { class: error.name, message: error.message, stack: error.stack } }];
  }
  const answer = await call("POST", `/claims/${token}/${word}`, end);
  held.delete(token);
  console.log(job.id, job.type, answer.state ?? answer.code);
}

setInterval(async () => {
  const leases = [...held.keys()].map((token) => ({ token }));
  const answer = await call("POST", `/workers/${me}/heartbeat`, { leases }, { tries: 1 });
  for (const lease of answer.leases ?? []) if (lease.status !== "ok") held.get(lease.token)?.abort();
}, 5000).unref();

const order = { worker_id: me, queues: process.argv.slice(2), types: Object.keys(handlers), wait_seconds: 20 };
order.worker = { language: "node", version: process.version, pid: process.pid };
while (!stopping.signal.aborted) {
  while (held.size >= slots) await sleep(20);
  const one = { tries: 1, signal: stopping.signal }; // who hangs up takes nothing
  for (const claim of (await call("POST", "/claims", { ...order, max: slots - held.size }, one)).claims ?? []) run(claim);
}
while (held.size > 0) await sleep(20);
await call("DELETE", `/workers/${me}`, undefined, { tries: 3 }); // releases jobs whose claim response was lost
