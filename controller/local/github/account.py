"""Who owns what at the local GitHub: an organisation, its repositories, a person; and how GitHub prints them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

Json = dict[str, object]
WEB = "https://github.com"
_CREATED = "2024-01-09T08:30:00Z"
_USER_LINKS = {
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
    "organizations_url": "orgs",
    "repos_url": "repos",
    "events_url": "events{/privacy}",
    "received_events_url": "received_events",
}
_ORGANISATION_LINKS = {
    "repos_url": "repos",
    "events_url": "events",
    "hooks_url": "hooks",
    "issues_url": "issues",
    "members_url": "members{/member}",
    "public_members_url": "public_members{/member}",
}
_REPOSITORY_LINKS = {
    "forks_url": "forks",
    "keys_url": "keys{/key_id}",
    "collaborators_url": "collaborators{/collaborator}",
    "teams_url": "teams",
    "hooks_url": "hooks",
    "issue_events_url": "issues/events{/number}",
    "events_url": "events",
    "assignees_url": "assignees{/user}",
    "branches_url": "branches{/branch}",
    "tags_url": "tags",
    "blobs_url": "git/blobs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "trees_url": "git/trees{/sha}",
    "statuses_url": "statuses/{sha}",
    "languages_url": "languages",
    "stargazers_url": "stargazers",
    "contributors_url": "contributors",
    "subscribers_url": "subscribers",
    "subscription_url": "subscription",
    "commits_url": "commits{/sha}",
    "git_commits_url": "git/commits{/sha}",
    "comments_url": "comments{/number}",
    "issue_comment_url": "issues/comments{/number}",
    "contents_url": "contents/{+path}",
    "compare_url": "compare/{base}...{head}",
    "merges_url": "merges",
    "archive_url": "{archive_format}{/ref}",
    "downloads_url": "downloads",
    "issues_url": "issues{/number}",
    "pulls_url": "pulls{/number}",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "labels_url": "labels{/name}",
    "releases_url": "releases{/id}",
    "deployments_url": "deployments",
}
_FLAGS = {
    "has_issues": True,
    "has_projects": True,
    "has_downloads": True,
    "has_wiki": True,
    "has_pages": False,
    "has_discussions": False,
    "archived": False,
    "disabled": False,
    "allow_forking": True,
    "is_template": False,
    "web_commit_signoff_required": False,
}
_COUNTS = dict.fromkeys(
    ("size", "stargazers_count", "watchers_count", "forks_count", "open_issues_count", "forks", "open_issues"), 0
)


def node_id(kind: str, number: int) -> str:
    """An opaque id as GraphQL has it."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who pushes; also how an organisation looks when it owns something."""

    login: str
    id: int
    kind: str = "User"

    def document(self, api: str) -> Json:
        """As GitHub prints it."""
        url = f"{api}/users/{self.login}"
        return {
            "login": self.login,
            "id": self.id,
            "node_id": node_id(self.kind, self.id),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{self.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{WEB}/{self.login}",
            **{name: f"{url}/{path}" for name, path in _USER_LINKS.items()},
            "type": self.kind,
            "site_admin": False,
        }


@dataclass(frozen=True, slots=True)
class Organisation:
    """The account the App is installed on."""

    login: str
    id: int = 70_107_786

    def document(self, api: str) -> Json:
        """As GitHub prints it in webhooks."""
        url = f"{api}/orgs/{self.login}"
        return {
            "login": self.login,
            "id": self.id,
            "node_id": node_id("Organization", self.id),
            "url": url,
            **{name: f"{url}/{path}" for name, path in _ORGANISATION_LINKS.items()},
            "avatar_url": f"https://avatars.githubusercontent.com/u/{self.id}?v=4",
            "description": None,
        }

    @property
    def owner(self) -> Person:
        """The organisation in the shape of an owner."""
        return Person(self.login, self.id, "Organization")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the organisation."""

    organisation: Organisation
    name: str
    id: int
    private: bool = True
    default_branch: str = "main"

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.organisation.login}/{self.name}"

    def document(self, api: str) -> Json:
        """As GitHub prints it in full."""
        url = f"{api}/repos/{self.full_name}"
        return {
            **self._identity(api),
            **{name: f"{url}/{path}" for name, path in _REPOSITORY_LINKS.items()},
            **dict.fromkeys(("created_at", "updated_at", "pushed_at"), _CREATED),
            "git_url": f"git://github.com/{self.full_name}.git",
            "ssh_url": f"git@github.com:{self.full_name}.git",
            "clone_url": f"{WEB}/{self.full_name}.git",
            "svn_url": f"{WEB}/{self.full_name}",
            **dict.fromkeys(("homepage", "language", "mirror_url", "license")),
            **_FLAGS,
            **_COUNTS,
            "watchers": 0,
            "topics": [],
            "visibility": "private" if self.private else "public",
            "default_branch": self.default_branch,
            "custom_properties": {},
        }

    def _identity(self, api: str) -> Json:
        return {
            "id": self.id,
            "node_id": node_id("Repository", self.id),
            "name": self.name,
            "full_name": self.full_name,
            "private": self.private,
            "owner": self.organisation.owner.document(api),
            "html_url": f"{WEB}/{self.full_name}",
            "description": None,
            "fork": False,
            "url": f"{api}/repos/{self.full_name}",
        }
