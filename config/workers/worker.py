#!/usr/bin/env python3
# A worker for Martlet in Python, with the standard library alone. Arguments: the queues to serve.
import json, os, signal, sys, threading, time, traceback, urllib.error, urllib.request

SERVER, TOKEN = os.environ.get("MARTLET_SERVER", "http://127.0.0.1:8080"), os.environ.get("MARTLET_TOKEN")
HEADERS = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})
ME = f"py-{os.getpid()}-{time.time_ns()}"
stopping, held = threading.Event(), {}  # held: the token of each job that runs here, and how to stop its handler
handlers = {"echo": lambda payload, _: payload, "sleep": lambda payload, stop: stop.wait(payload["seconds"])}


def call(method, path, body, tries=60):
    """Sends a request until the server answers; every request of a worker may be repeated."""
    for turn in range(tries):
        request = urllib.request.Request(f"{SERVER}/api/v1{path}", json.dumps(body).encode(), HEADERS, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or "{}")
        except urllib.error.HTTPError as problem:
            if problem.code not in (429, 503):
                return json.loads(problem.read())
        except OSError:
            pass  # the server restarts, or the connection was cut
        time.sleep(min(0.1 * 2**turn, 5))
    return {}


def renew():
    while not time.sleep(5):
        leases = [{"token": token} for token in list(held)]
        for lease in call("POST", f"/workers/{ME}/heartbeat", {"leases": leases}, tries=1).get("leases", []):
            if lease["status"] != "ok" and lease["token"] in held:
                held[lease["token"]].set()  # the lease is lost, or the job is to stop


def run(token, job):
    held[token] = stop = threading.Event()
    try:
        word, end = "complete", {"result": handlers[job["type"]](job["payload"], stop)}
    except Exception as error:
        word, end = "fail", {"error": {"class": type(error).__name__, "message": repr(error), "stack": traceback.format_exc()}}
    answer = call("POST", f"/claims/{token}/{word}", end)
    del held[token]
    print(job["id"], job["type"], answer.get("state") or answer.get("code"), flush=True)


signal.signal(signal.SIGTERM, lambda *_: stopping.set())
threading.Thread(target=renew, daemon=True).start()
order = {"worker_id": ME, "queues": sys.argv[1:] or ["default"], "types": list(handlers), "wait_seconds": 5}
order["worker"] = {"language": "python", "version": sys.version.split()[0], "pid": os.getpid()}
while not stopping.is_set():
    for claim in call("POST", "/claims", order, tries=1).get("claims", []):
        run(claim["token"], claim["job"])
call("DELETE", f"/workers/{ME}", {}, tries=3)  # releases jobs whose claim response was lost
