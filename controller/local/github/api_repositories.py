"""REST routes of repositories and their files."""

from __future__ import annotations

import base64
import hashlib

from controller.local.github.account import WEB, Json, Repository
from controller.local.github.api import NOT_FOUND, Gate, listed, refusal
from controller.local.github.commits import Commits
from controller.local.github.repositories import Repositories
from controller.local.github.web import Request, Response, Route

_LINE = 60
"""GitHub breaks base64 after so many characters."""


class RepositoryRoutes:
    """What `metadata:read` and `contents:read` allow."""

    def __init__(self, commits: Commits, repositories: Repositories) -> None:
        self._commits = commits
        self._repositories = repositories

    def routes(self, gate: Gate) -> list[Route]:
        """All of them."""
        return [
            gate.installation("GET", "/installation/repositories", self._list),
            gate.installation("GET", "/repos/{owner}/{repo}", self._get),
            gate.installation("GET", "/repos/{owner}/{repo}/contents/{path}", self._contents),
        ]

    def _list(self, request: Request) -> Response:
        covered = [self._document(each) for each in self._repositories.covered(request.installation)]
        answer = listed(request, covered, "repositories")
        body = answer.body if isinstance(answer.body, dict) else {}
        return Response(200, {**body, "repository_selection": "all"}, answer.headers)

    def _get(self, request: Request) -> Response:
        more = {"network_count": 0, "subscribers_count": 0}
        return Response(200, {**self._document(self._repositories.of(request)), **more})

    def _document(self, repository: Repository) -> Json:
        return repository.document(self._repositories.api)

    def _contents(self, request: Request) -> Response:
        """Only the newest text of a file is kept: an older commit's is not found."""
        repository, path = self._repositories.of(request), request.params["path"].strip("/")
        ref = request.query.get("ref", repository.default_branch)
        if self._commits.resolve(repository, ref) != self._commits.resolve(repository, "HEAD"):
            return refusal(404, f"No commit found for the ref {ref}")
        files = self._commits.files(repository.full_name)
        if path in files:
            content = files[path].encode()
            if ".raw" in request.headers.get("accept", ""):
                return Response(200, content)
            return Response(200, {**self._file(repository, path, content, ref), **_encoded(content)})
        inside = {name: text for name, text in files.items() if name.startswith(f"{path}/")}
        direct = [(name, text.encode()) for name, text in inside.items() if "/" not in name.removeprefix(f"{path}/")]
        found = [self._file(repository, name, text, ref) for name, text in sorted(direct)]
        return Response(200, found) if found else NOT_FOUND

    def _file(self, repository: Repository, path: str, content: bytes, ref: str) -> Json:
        api = f"{self._repositories.api}/repos/{repository.full_name}"
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        url = f"{api}/contents/{path}?ref={ref}"
        git, page = f"{api}/git/blobs/{sha}", f"{WEB}/{repository.full_name}/blob/{ref}/{path}"
        return {
            "type": "file",
            "size": len(content),
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": sha,
            "url": url,
            "git_url": git,
            "html_url": page,
            "download_url": None,
            "_links": {"git": git, "html": page, "self": url},
        }


def _encoded(content: bytes) -> Json:
    text = base64.b64encode(content).decode()
    lines = [text[start : start + _LINE] + "\n" for start in range(0, len(text), _LINE)]
    return {"encoding": "base64", "content": "".join(lines)}
