"""TLS, reported beside: deliveries to an https receiver: nginx, which answers 200 to everything, where there is one."""

import shutil
import subprocess

from rig import rates, tools
from rig.parts import oha, webhook
from rig.tools import HOST, free, say, start, wait_for

NGINX = """daemon off; master_process off; pid {work}/nginx.pid; error_log {work}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {work}/nginx-body;
  proxy_temp_path {work}/nginx-1; fastcgi_temp_path {work}/nginx-2;
  uwsgi_temp_path {work}/nginx-3; scgi_temp_path {work}/nginx-4;
  server {{
    listen {host}:{port} ssl; ssl_certificate {work}/tls.pem; ssl_certificate_key {work}/tls.key;
    location / {{ return 200 "ok"; }}
  }}
}}
"""


def measure(table, ports, seconds, journeys):
    """One line: deliveries per second of `load` over TLS, of oha's rate over TLS to the same receiver."""
    what = "load over https to nginx, on disk and in memory, of oha over https"
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if not nginx or not shutil.which("openssl"):
        table.note(what, "left out: needs nginx and openssl", "TLS")
        return
    say("TLS")
    work, port = tools.work, free(ports.tls)
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split()
    argv += ["-addext", f"subjectAltName=DNS:localhost,IP:{HOST}", "-addext", "basicConstraints=critical,CA:FALSE"]
    argv += ["-keyout", f"{work}/tls.key", "-out", f"{work}/tls.pem"]
    subprocess.run(argv, check=True, capture_output=True, timeout=20)
    with open(f"{work}/nginx.conf", "w") as file:
        file.write(NGINX.format(work=work, host=HOST, port=port))
    child = start([nginx, "-e", f"{work}/nginx-error.log", "-c", f"{work}/nginx.conf"], "nginx")
    wait_for("nginx", lambda: tools.listens(port), 5)
    url = f"https://{HOST}:{port}/hook"
    yardstick = oha(url, seconds, "--insecure")
    hook = [webhook("sink", url, max_in_flight=256)]
    trust = {"SSL_CERT_FILE": f"{work}/tls.pem"}
    runs = [rates.load(hook, "--outbox", outbox, journeys=journeys, environment=trust) for outbox in ("sled", "memory")]
    delivered = [report["rate"]["delivered"] for report, _ in runs]
    shares = " and ".join(f"{rate:,.0f}/s ({rate / yardstick:.2f})" for rate in delivered)
    table.note(what, f"{shares} of {yardstick:,.0f}/s", "TLS")
    tools.stop(child)
