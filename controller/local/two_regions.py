"""Two regions of one environment on this machine: one account, one GitHub, a cloud for each region."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller import wiring
from controller.local.aws.cloud import LocalCloud, Options
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.provision import GitHubApp
from controller.local.github.config import Config
from controller.local.github.server import GitHub
from controller.local.stage import BOOT, QUICK, RUNNER_CONFIGS

ENVIRONMENT = "demo"
REGIONS = ("us-east-1", "eu-west-1")
LEASE_S = 15.0


@dataclass(slots=True)
class TwoRegions:
    """Everything running; the App's webhooks go to the first region."""

    run_dir: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    speed: float = 20.0
    github: GitHub = field(init=False)
    clouds: dict[str, LocalCloud] = field(init=False, default_factory=dict)
    _open: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self.github = self._open.enter_context(GitHub(Config()))
            app = GitHubApp(
                api_url=self.github.base_url,
                app_id=str(self.github.app_id),
                key_pem=self.github.private_key_pem,
                webhook_secret=self.github.webhook_secret,
            )
            for region in REGIONS:
                beside = self.clouds.get(REGIONS[0])
                cloud = LocalCloud(self.run_dir / region, app, RUNNER_CONFIGS, self._options(region), beside)
                self.clouds[region] = self._open.enter_context(cloud)
            self.github.connect(self.clouds[REGIONS[0]].webhook_url)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _options(self, region: str) -> Options:
        return Options(
            stack=f"{ENVIRONMENT}-{region}",
            region=region,
            speed=self.speed,
            latencies=BOOT,
            settings={
                **QUICK,
                "region_lease_s": LEASE_S,
                "regions": ",".join(REGIONS),
                "peer_queues": ",".join(_queues(other) for other in REGIONS if other != region),
                **self.settings,
            },
        )


def _queues(region: str) -> str:
    # Which server answers is the endpoint's matter; of the address only the queue's name counts here.
    base = f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{ENVIRONMENT}-{region}"
    return ",".join(f"{region}/{queue.name}={base}-{queue.name}" for queue in (wiring.JOBS, wiring.REPORTS))
