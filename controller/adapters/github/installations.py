"""Calls in the name of Apps' installations: which App speaks, with which token, and whether it may now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from urllib.parse import quote

from controller.adapters.connection import Answer
from controller.adapters.github.budgets import Budgets, Voice, kind_of
from controller.adapters.github.calls import Call, Limited, Rest, Unauthorized, fields
from controller.adapters.github.shared_tokens import SharedTokens
from controller.adapters.github.tokens import Tokens
from controller.domain.call_budget import Kind, Lane
from controller.errors import Rejected, Unavailable
from controller.ports import Memory, Secrets, Tell
from controller.servers import App, Server, names

ASIDE_S = 600.0
"""For so long an App is left alone that is not installed where it was wanted, or may not do what was asked."""
INSTALLED_S = 86_400.0
"""How long it is good to know where an App is installed."""

_OK, _CREATED, _NOT_FOUND = 200, 201, 404


class Installations:
    """Shared by everything that speaks to GitHub in one function, and with it the tokens and connections."""

    def __init__(
        self, servers: Sequence[Server], secrets: Secrets, memory: Memory | None = None, tell: Tell | None = None
    ) -> None:
        self._rest = Rest(tell)
        self._servers = {server.api_url: server for server in servers}
        self._names = names(servers)
        self._memory = memory
        self._budgets = Budgets(memory)
        self._tokens = Tokens(self._minted, secrets, SharedTokens(memory, secrets) if memory else None)
        self._installed: dict[tuple[str, App, str], tuple[int, float]] = {}

    def name_of(self, server: str) -> str:
        """A server's name in this stack; empty for the first."""
        return self._names[self._server(server).api_url]

    def pause(self, kind: Kind, lane: Lane, now: float) -> float:
        """How long no App may make such calls on any server, as far as this function knows."""
        apps = {(server.api_url, app) for server in self._servers.values() for app in server.apps}
        return self._budgets.pause(apps, kind, lane, now)

    def send(
        self, call: Call, installation_id: int, now: float, fine: Collection[int], lane: Lane = Lane.RECOVERY
    ) -> Answer:
        """The answer, where its status is a fine one; otherwise raises our error for it."""
        return self._spoken(
            call, Voice(call.server, self._server(call.server).apps[0], installation_id), now, fine, lane
        )

    def send_as_any(
        self, call: Call, repository: str, installation_id: int, now: float, fine: Collection[int], lane: Lane
    ) -> Answer:
        """The same by whichever App of the server has most calls left; where one may not, by the next."""
        voices = self._voices(call.server, repository, installation_id, now)
        limits: list[Limited] = []
        for voice in self._budgets.in_order(voices, kind_of(call), lane, now):
            try:
                return self._spoken(call, voice, now, fine, lane)
            except Limited as limit:
                limits.append(limit)
            except (Rejected, Unauthorized):
                # What the App with the webhook may not do, nobody may.
                if voice == voices[0]:
                    raise
                self._budgets.set_aside(voice, now + ASIDE_S)
        raise min(limits, key=lambda limit: limit.retry_after_s or 0.0)

    def send_as_app(self, call: Call, now: float, fine: Collection[int], lane: Lane = Lane.RECOVERY) -> Answer:
        """The answer to a call of the App itself, which no installation may make."""
        return self._signed(call, Voice(call.server, self._server(call.server).apps[0], 0), now, fine, lane)

    def close(self) -> None:
        """Close the kept connections."""
        self._rest.close()

    def _server(self, url: str) -> Server:
        try:
            return self._servers[url]
        except KeyError:
            raise Rejected(f"{url} is none of this stack's servers") from None

    def _voices(self, server: str, repository: str, installation_id: int, now: float) -> list[Voice]:
        first, *others = self._server(server).apps
        voices = [Voice(server, first, installation_id)]
        for app in others:
            installed = self._where(server, app, repository, now)
            voices += [Voice(server, app, installed)] if installed else []
        return voices

    def _where(self, server: str, app: App, repository: str, now: float) -> int:
        """The App's installation that covers a repository; 0 where there is none, or it is not known now."""
        place = (server, app, repository)
        known, until = self._installed.get(place, (0, 0.0))
        if now >= until:
            known, until = self._asked_where(server, app, repository, now)
            self._installed[place] = (known, until)
        return known

    def _asked_where(self, server: str, app: App, repository: str, now: float) -> tuple[int, float]:
        name = f"github installation {server} {app.app_id} {repository}"
        try:
            if self._memory and (told := self._memory.recall(name, now)):
                return int(told), now + ASIDE_S
            call = Call("GET", server, f"/repos/{quote(repository)}/installation")
            answer = self._signed(call, Voice(server, app, 0), now, {_OK, _NOT_FOUND}, Lane.REGISTRATION)
            installed = fields(call, answer).get("id")
            if not isinstance(installed, int):
                return 0, now + ASIDE_S
            if self._memory:
                self._memory.remember(name, str(installed), now + INSTALLED_S)
        except (Unavailable, Rejected):
            # Another App can do it; this one is asked after a while.
            return 0, now + ASIDE_S
        return installed, now + INSTALLED_S

    def _spoken(self, call: Call, voice: Voice, now: float, fine: Collection[int], lane: Lane) -> Answer:
        # Before a token is asked for: one that must wait shall not mint.
        self._budgets.spend(voice, call, lane, now)
        token = self._tokens.of(voice, now)
        try:
            return self._heard(call, voice, token, now, fine)
        except Unauthorized:
            # Revoked before its time: once more with a new one.
            self._tokens.forget(voice, token)
            return self._heard(call, voice, self._tokens.of(voice, now), now, fine)

    def _minted(self, call: Call, voice: Voice, now: float) -> Answer:
        return self._signed(call, replace(voice, installation_id=0), now, {_CREATED}, Lane.REGISTRATION)

    def _signed(self, call: Call, voice: Voice, now: float, fine: Collection[int], lane: Lane) -> Answer:
        self._budgets.spend(voice, call, lane, now)
        return self._heard(call, voice, self._tokens.signature(voice.app, now), now, fine)

    def _heard(self, call: Call, voice: Voice, token: str, now: float, fine: Collection[int]) -> Answer:
        try:
            answer = self._rest.send(call, token, now, fine)
        except Limited as limit:
            self._budgets.limited(voice, call, limit, now)
            raise
        self._budgets.heard(voice, call, answer, now)
        return answer
