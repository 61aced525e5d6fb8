"""A customer's backend, with the standard library only: it starts a verification over the provider's API, submits what is
asked for, takes webhooks, tells duplicates, fetches the result, and ends with the provider's decision.

    python3 customer.py --provider idwise --server http://127.0.0.1:4740 --listen 8080
    python3 customer.py --provider qoreid --server http://127.0.0.1:4740 --listen 8080

It takes webhooks that show its secret, which the provider must know:

    understudy webhooks add customer http://127.0.0.1:8080/hook --skip-test --auth basic:hook:your_webhook_secret
    understudy webhooks add customer http://127.0.0.1:8080/hook --skip-test --auth hmac:your_webhook_secret

for idwise and qoreid. It takes them at /hook of the port that it prints; `--listen 0` chooses one, and `--server -` reads the server's URL
from stdin once that port is known.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading
import urllib.request
import uuid


def call(url, body=None, headers=None):
    """One request; POST when there is a body, which is JSON unless it is bytes already."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def form(texts, files):
    """A multipart body and its headers: texts by name, and the bytes of files by name."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="'
    parts = [f'{head}{name}"\r\n\r\n{text}\r\n'.encode() for name, text in texts.items()]
    for name, content in files.items():
        opening = f'{head}{name}"; filename="{name}.jpg"\r\ncontent-type: image/jpeg\r\n\r\n'
        parts += [opening.encode(), content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), {"content-type": f"multipart/form-data; boundary={boundary}"}


def basic(user, password):
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


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


def once(events, key):
    """Every event that was not there before, by its key; repetitions are told and dropped."""
    seen = set()
    while True:
        try:
            event = events.get(timeout=30)
        except queue.Empty:
            sys.exit("no webhook came within 30 s: is this address configured there, with this secret?")
        if key(event) in seen:
            print(f"repeated {key(event)}", flush=True)
            continue
        seen.add(key(event))
        yield event


def idwise(server, events, args):
    """A journey of two steps: a document as a form, a selfie as JSON. The end of it is told by a webhook."""
    headers = basic(args.client, args.secret)
    start = {"flow_id": args.flow, "reference_no": args.reference}
    journey = call(f"{server}/journey/v2/start-journey", start, headers)["journey_id"]
    photo = b"\xff\xd8\xff\xe0 stands for a photo"
    body, of_form = form({"journey_id": journey, "step_id": "1"}, {"image": photo, "image2": photo})
    call(f"{server}/journey/v2/process-journey-step", body, {**headers, **of_form})
    selfie = {"journey_id": journey, "step_id": "2", "image": base64.b64encode(photo).decode()}
    call(f"{server}/journey/v2/process-journey-step", selfie, headers)
    for event in once(events, lambda event: event["body"]["eventId"]):
        if event["body"].get("journeyId") != journey:
            continue
        print(f"told {event['event']}", flush=True)
        if event["event"] == "Finished Journey":
            break
    result = call(f"{server}/journey/v2/{journey}", None, headers)
    assert result["reference_number"] == args.reference, "the result is of somebody else"
    assert result["system_decision"] == event["body"]["systemDecision"], "the webhook and the result disagree"
    return result["final_decision"]


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
    # QoreID's webhooks have no id: what they are about and what happened is the key.
    for event in once(events, lambda event: (event["event"], event["event_type"], event["data"]["id"])):
        if event["data"]["id"] == submitted["id"] and event["event_type"] == "verification_completed":
            break
    result = call(f"{server}/v1/addresses/{submitted['id']}", None, headers)
    assert result["status"] == event["data"]["address"]["status"], "the webhook and the result disagree"
    return result["status"]["status"]


def idwise_basic(secret):
    """Whether a request bears the credentials that the webhook was configured with; IDWise signs nothing."""
    expected = basic("hook", secret)["authorization"]
    return lambda headers, body: hmac.compare_digest(headers.get("authorization", ""), expected)


def qoreid_signed(secret):
    """Whether a request bears QoreID's signature under `secret`."""

    def genuine(headers, body):
        expected = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
        return hmac.compare_digest(headers.get("x-verifyme-signature", ""), expected)

    return genuine


PROVIDERS = {"idwise": (idwise, idwise_basic), "qoreid": (qoreid, qoreid_signed)}


def main():
    parser = argparse.ArgumentParser(description="A customer's backend.")
    parser.add_argument("--provider", choices=sorted(PROVIDERS), required=True)
    parser.add_argument("--server", required=True, help="the provider's URL, or - to read it from stdin")
    parser.add_argument("--listen", type=int, default=0, help="the port for webhooks")
    parser.add_argument("--reference", default="CUSTOMER-1")
    parser.add_argument("--flow", default="onboarding", help="of IDWise: what the journey goes through")
    parser.add_argument("--client", default="customer", help="the API key")
    parser.add_argument("--secret", default="customer-secret", help="the API secret")
    parser.add_argument("--webhook-secret", default="your_webhook_secret", help="the password, or the signing secret")
    args = parser.parse_args()
    play, genuine = PROVIDERS[args.provider]
    events = queue.Queue()
    port = receiver(args.listen, events, genuine(args.webhook_secret))
    print(f"webhooks at http://127.0.0.1:{port}/hook", flush=True)
    server = sys.stdin.readline().strip() if args.server == "-" else args.server
    print(f"decision {play(server.rstrip('/'), events, args)}", flush=True)


if __name__ == "__main__":
    main()
