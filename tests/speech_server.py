"""A speech server on this machine, which gives the answers that a test tells it to give."""

import io
import json
import struct
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RATE = 24000
SECRET = "sk-test-0123456789"


def wav(level=1000, length=4800, stated=None):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(struct.pack("<hh", level, -level) * (length // 2))
    content = bytearray(made.getvalue())
    if stated is not None:
        content[4:8] = content[40:44] = struct.pack("<I", stated)
    return bytes(content)


class Server:
    """Answers requests by `answers` in order, and then by the last of them: (status, headers, body), or a function."""

    def __init__(self):
        self.answers, self.requests, self.closing = [], [], threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((self.path, names_capitalized(self.headers), json.loads(body)))
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                try:
                    answer(self) if callable(answer) else send(self, *answer)
                except OSError:  # the asker has gone
                    pass

            def do_GET(self):
                server.requests.append((self.path, names_capitalized(self.headers), None))
                send(self, 200, {}, wav())

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


def names_capitalized(headers):
    """Return headers as a dict with capitalized names, since clients may write the names in any case."""
    return {name.title(): value for name, value in headers.items()}


def send(handler, status, headers, body):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
