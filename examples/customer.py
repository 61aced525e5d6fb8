"""A customer's backend, with the standard library only: it submits over the provider's API, takes webhooks, checks their
signature, tells duplicates, and ends with the provider's decision.

    python3 customer.py --provider qoreid --server http://127.0.0.1:4740 --listen 8080

It takes webhooks at /hook of the port that it prints; `--listen 0` chooses one, and `--server -` reads the server's URL
from stdin once that port is known.
"""

import argparse
import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading
import urllib.request


def call(url, body=None, headers=None):
    """One request; POST when there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def receiver(port, events, genuine):
    """Takes webhooks that `genuine(headers, body)` admits, and puts them into `events`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            known = genuine(self.headers, body)
            if known:
                events.put(json.loads(body))
            self.send_response(200 if known else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def qoreid(server, events, args):
    """An identity, which is answered at once, and an address, whose end a webhook tells."""
    token = call(f"{server}/token", {"clientId": args.client, "secret": args.secret})["accessToken"]
    headers = {"authorization": f"Bearer {token}"}
    person = {"firstname": "Bunch", "lastname": "Dillon"}
    identity = call(f"{server}/v1/ng/identities/nin/63184876213", person, headers)
    if identity["status"]["status"] != "verified":
        return identity["status"]["status"]
    submitted = call(
        f"{server}/v1/addresses",
        {
            "customerReference": args.reference,
            "street": "5, Adeniyi Jones",
            "lgaName": "Ikeja",
            "stateName": "Lagos",
            "city": "Ikeja",
            "applicant": {**person, "phone": "08000000000"},
        },
        headers,
    )
    seen = set()
    while True:
        event = events.get(timeout=30)
        # QoreID's webhooks have no id: what they are about and what happened is the key.
        key = (event["event"], event["event_type"], event["data"]["id"])
        if key in seen or event["data"]["id"] != submitted["id"]:
            continue
        seen.add(key)
        if event["event_type"] == "verification_completed":
            break
    result = call(f"{server}/v1/addresses/{submitted['id']}", None, headers)
    assert result["status"] == event["data"]["address"]["status"], "the webhook and the result disagree"
    return result["status"]["status"]


def qoreid_signed(secret):
    """Whether a request bears QoreID's signature under `secret`."""

    def genuine(headers, body):
        expected = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
        return hmac.compare_digest(headers.get("x-verifyme-signature", ""), expected)

    return genuine


PROVIDERS = {"qoreid": (qoreid, qoreid_signed)}


def main():
    parser = argparse.ArgumentParser(description="A customer's backend.")
    parser.add_argument("--provider", choices=sorted(PROVIDERS), required=True)
    parser.add_argument("--server", required=True, help="the provider's URL, or - to read it from stdin")
    parser.add_argument("--listen", type=int, default=0, help="the port for webhooks")
    parser.add_argument("--reference", default="CUSTOMER-1")
    parser.add_argument("--client", default="customer")
    parser.add_argument("--secret", default="customer-secret")
    parser.add_argument("--webhook-secret", default="your_webhook_secret")
    args = parser.parse_args()
    play, genuine = PROVIDERS[args.provider]
    events = queue.Queue()
    port = receiver(args.listen, events, genuine(args.webhook_secret))
    print(f"webhooks at http://127.0.0.1:{port}/hook", flush=True)
    server = sys.stdin.readline().strip() if args.server == "-" else args.server
    print(f"decision {play(server.rstrip('/'), events, args)}", flush=True)


if __name__ == "__main__":
    main()
