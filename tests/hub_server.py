"""A Hugging Face Hub on 127.0.0.1, just large enough for the real client.

It responds as the Hub does; a test may make it fail as a Hub, or the network on the way to it, fails.
"""

import base64
import contextlib
import hashlib
import json
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

STALL_SECONDS = 30  # far longer than a test waits; closing the server ends it


@dataclass
class Repo:
    """``commits``: what each commit holds; ``branches``: which commit each branch or tag stands for."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)


@dataclass
class Faults:
    """What goes wrong. ``only``: for paths that end so.

    status: of every response, with ``code`` as the Hub's X-Error-Code; stall: "headers" or "body", where the response
    stops without an end; cut: bytes missing at the end of each file; declared: the size in the headers; nameless:
    without the Hub's own headers, as from some other web server.
    """

    status: int = 0
    code: str = ""
    stall: str = ""
    cut: int = 0
    declared: int | None = None
    nameless: bool = False
    only: str = ""


class HubServer:
    """A context manager; ``url`` is what HF_ENDPOINT has to be, ``requests`` the (method, path) of each request."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.faults = Faults()
        self.expired: set[str] = set()  # tokens that are refused, whatever they are for
        self.user = {"name": "someone", "orgs": [], "auth": {"accessToken": {"role": "write"}}}  # of any other token
        self.requests: list[tuple[str, str]] = []
        self.private: set[str] = set()  # repositories that are there with a token only
        self.silent = ""  # paths with this in them get no response at all
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HubServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Go down: open connections break, new ones are refused. It may be closed twice."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # the client was first
                connection.shutdown(socket.SHUT_RDWR)

    def commit(self, repo_id: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Add a commit and move the branch to it; returns its 40 hexadecimal digits."""
        repo = self.repos.setdefault(repo_id, Repo())
        content = repo.commits.get(repo.branches.get(branch, ""), {}) | files
        known = sorted((name, hashlib.sha1(part).hexdigest()) for name, part in content.items())
        digest = hashlib.sha1(repr((len(repo.commits), repo_id, known)).encode()).hexdigest()
        repo.commits[digest] = content
        repo.branches[branch] = digest
        return digest

    def count(self, method: str, ending: str = "") -> int:
        """How many requests there were of a method, for paths with this ending."""
        return sum(each == method and path.endswith(ending) for each, path in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that gave up is what some tests are about
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_hub: HubServer

    def setup(self) -> None:
        super().setup()
        self.server_hub.connections.add(self.connection)

    def finish(self) -> None:
        self.server_hub.connections.discard(self.connection)
        super().finish()

    def log_message(self, *_) -> None:
        pass

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        self._file(body=True)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._fails():
            return
        hub, path = self.server_hub, urlsplit(self.path).path
        if not self.headers.get("Authorization"):
            self._error(401, "")
        elif path == "/api/repos/create":
            wanted = json.loads(sent)
            repo_id = f"{wanted['organization']}/{wanted['name']}"
            known = repo_id in hub.repos
            hub.repos.setdefault(repo_id, Repo())
            self._json({"url": f"{hub.url}/{repo_id}"}, 409 if known else 200)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in path:  # every file goes into the commit itself: no large-file storage here
            names = [file["path"] for file in json.loads(sent)["files"]]
            self._json({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif "/commit/" in path:
            repo_id, branch = path.removeprefix("/api/models/").split("/commit/")
            lines = [json.loads(line) for line in sent.splitlines()]
            added = [line["value"] for line in lines if line["key"] == "file"]
            files = {file["path"]: base64.b64decode(file["content"]) for file in added}
            digest = hub.commit(repo_id, files, branch)
            self._json({"commitUrl": f"{hub.url}/{repo_id}/commit/{digest}", "commitOid": digest})
        else:
            self._error(404, "")

    def _file(self, body: bool) -> None:
        """/owner/name/resolve/revision/filename"""
        if self._fails():
            return
        if self.path == "/api/whoami-v2":
            return self._json(self.server_hub.user)
        hub, faults = self.server_hub, self.server_hub.faults
        repo_id, _, rest = urlsplit(self.path).path.removeprefix("/").partition("/resolve/")
        revision, _, filename = rest.partition("/")
        if repo_id in hub.private and not self.headers.get("Authorization"):
            return self._error(401, "RepoNotFound")
        if repo_id not in hub.repos:
            return self._error(404, "RepoNotFound")
        repo = hub.repos[repo_id]
        digest = repo.branches.get(unquote(revision), revision)
        if digest not in repo.commits:
            return self._error(404, "RevisionNotFound")
        if filename not in repo.commits[digest]:
            return self._error(404, "EntryNotFound")
        content = repo.commits[digest][filename]
        faulty = self.path.endswith(faults.only)
        size = faults.declared if faulty and faults.declared is not None else len(content)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        if not faults.nameless:
            self.send_header("X-Repo-Commit", digest)
        self.end_headers()
        if not body:
            return
        if faulty and faults.stall == "body":
            self.wfile.write(content[: len(content) // 2])
            hub.closing.wait(STALL_SECONDS)
            self.close_connection = True
        elif faulty and faults.cut:
            self.wfile.write(content[: -faults.cut])
            self.close_connection = True
        else:
            self.wfile.write(content)

    def _fails(self) -> bool:
        hub, faults = self.server_hub, self.server_hub.faults
        hub.requests.append((self.command, urlsplit(self.path).path))
        if hub.silent and hub.silent in self.path:
            hub.closing.wait(STALL_SECONDS)
            self.close_connection = True
            return True
        if self.path.endswith(faults.only):
            if faults.stall == "headers":
                hub.closing.wait(STALL_SECONDS)
                self.close_connection = True
                return True
            if faults.status:
                self._error(faults.status, faults.code)
                return True
        if (self.headers.get("Authorization") or "").removeprefix("Bearer ") in hub.expired:
            self._error(401, "")
            return True
        return False

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, value: dict, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
