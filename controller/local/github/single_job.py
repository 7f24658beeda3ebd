"""One job of a run, rewritten as a workflow of its own that needs nothing but a runner."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from controller.local.github.evaluation import Scope
from controller.local.github.expressions import Value, unparse
from controller.local.github.scheduler import Run
from controller.local.github.templates import condition, fold, fold_text, fold_tree
from controller.local.github.workflow import Document, JobSpec, Step, is_checkout

LABEL = "stand-in"
OUTPUTS_STEP = "spotrunner-outputs"
"""The id of the hidden last step, which prints the job's outputs."""
_PARTIAL = frozenset({"github", "runner"})
"""Contexts of which the runner knows more than GitHub."""
_DELIMITER = "spotrunner-end-of-output"


def rewrite(run: Run, job_id: int, runner_name: str) -> str:
    """YAML in which everything GitHub knows is put in; what only the runner knows is still an expression."""
    spec, scope = run.spec(job_id), _scope(run, job_id, runner_name)
    job: Document = {
        "runs-on": LABEL,
        "env": _known(spec.env, scope),
        "defaults": _known(spec.defaults, scope),
        "steps": [*(_step(step, scope) for step in spec.steps), *_outputs_step(spec, scope)],
    }
    document: Document = {
        "name": run.workflow.name,
        "on": "push",
        "env": _known(run.workflow.env, scope),
        "defaults": _known(run.workflow.defaults, scope),
        "jobs": {spec.key: _without_empty(job)},
    }
    return yaml.safe_dump(_without_empty(document), sort_keys=False, allow_unicode=True, width=4096)


def step_names(run: Run, job_id: int, runner_name: str) -> list[Value]:
    """The id and name of each step, in order; a step without an id goes by its position."""
    scope = _scope(run, job_id, runner_name)
    return [
        {"id": str(step.document.get("id") or position), "name": fold_text(step.name, scope, _PARTIAL)}
        for position, step in enumerate(run.spec(job_id).steps)
    ]


def _scope(run: Run, job_id: int, runner_name: str) -> Scope:
    return Scope({**run.contexts(job_id), "runner": {"name": runner_name, "environment": "self-hosted"}})


def _step(step: Step, scope: Scope) -> Document:
    document = {name: _known(item, scope) for name, item in step.document.items() if name != "if"}
    document["name"] = fold_text(step.name, scope, _PARTIAL)
    if "if" in step.document:
        text = str(step.document["if"])
        node = condition(text.lower() if isinstance(step.document["if"], bool) else text)
        document["if"] = "${{ " + unparse(fold(node, scope, _PARTIAL)) + " }}"
    if is_checkout(str(step.document.get("uses", ""))):
        document.pop("uses")
        document.pop("with", None)
        document["run"] = "echo 'The local GitHub has no repository contents: the work folder starts empty.'"
        document["shell"] = "sh"
    return document


def _outputs_step(spec: JobSpec, scope: Scope) -> list[Document]:
    """GitHub takes a job's outputs at its very end, whatever the steps came to."""
    if not spec.outputs:
        return []
    names = list(spec.outputs)
    lines = [f'printf "%s<<{_DELIMITER}\\n%s\\n{_DELIMITER}\\n" {name} "$OUT_{n}"' for n, name in enumerate(names)]
    return [
        {
            "id": OUTPUTS_STEP,
            "if": "${{ always() }}",
            "shell": "sh",
            "working-directory": "${{ github.workspace }}",
            "env": {f"OUT_{n}": _known(spec.outputs[name], scope) for n, name in enumerate(names)},
            "run": "{\n" + "\n".join(lines) + '\n} >> "$GITHUB_OUTPUT"',
        }
    ]


def _known(tree: Value, scope: Scope) -> Value:
    return fold_tree(tree, scope, _PARTIAL)


def _without_empty(document: Mapping[str, Value]) -> Document:
    return {name: item for name, item in document.items() if item not in ({}, [], None)}
