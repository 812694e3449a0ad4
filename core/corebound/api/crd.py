"""The CustomResourceDefinition ``searchcampaigns.corebound.dev``, made from the models.

``crds/write.py`` keeps it as a file; a stale file fails a test. What could go wrong: a column that names a field the
status does not have, which an API server accepts and shows empty.
"""

from __future__ import annotations

from typing import Any, Final

from corebound.api.cel import MODEL_RULES
from corebound.api.schema import object_schema
from corebound.api.spec import API_VERSION, CampaignSpec, SearchCampaign
from corebound.api.status import CampaignStatus
from corebound.api.transitions import transition_rules

GROUP: Final = API_VERSION.partition("/")[0]
VERSION: Final = API_VERSION.partition("/")[2]
PLURAL: Final = "searchcampaigns"

_COLUMNS: Final = (
    ("Phase", "string", ".status.phase", 0, "Where the campaign stands."),
    ("Done", "string", ".status.trials.progress", 0, "Trials that are done out of all."),
    ("Running", "integer", ".status.trials.running", 0, "Trials that run now."),
    ("Threads", "string", ".status.plan.threads", 0, "Threads of each trial."),
    ("Best", "string", ".status.best.text", 0, "Value of the best trial."),
    ("Efficiency", "string", ".status.efficiency.cpu", 0, "Share of the reserved CPU time that was used."),
    ("Cost", "string", ".status.cost", 0, "Cost so far."),
    ("Age", "date", ".metadata.creationTimestamp", 0, "When the campaign was created."),
    ("Workers", "integer", ".status.workers.running", 1, "Workers that are ready."),
    ("Failed", "integer", ".status.trials.failed", 1, "Trials that failed."),
    # As a text: kubectl shows a date as its age, and one that is still to come as <invalid>.
    ("ETA", "string", ".status.estimatedCompletionTime", 1, "When the last trial is expected to end."),
    ("Message", "string", ".status.message", 1, "The most important thing to know now."),
)


def definition() -> dict[str, Any]:
    """The whole object, as ``kubectl apply`` takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "SearchCampaign",
                "listKind": "SearchCampaignList",
                "plural": PLURAL,
                "singular": "searchcampaign",
                # Not sc: that is Kubernetes' own for StorageClasses, and kubectl would warn each of their users.
                "shortNames": ["campaign", "campaigns"],
                "categories": ["all", "corebound"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "priority": priority, "description": text}
                        for name, kind, path, priority, text in _COLUMNS
                    ],
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _schema() -> dict[str, Any]:
    described = {name: field.description for name, field in SearchCampaign.model_fields.items()}
    spec, status = object_schema(CampaignSpec), object_schema(CampaignStatus)
    spec["description"] = described["spec"]
    spec["x-kubernetes-validations"] += transition_rules()
    status["properties"]["conditions"] |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {
        "type": "object",
        "description": SearchCampaign.__doc__,
        # These three are the API server's own, which it checks by itself.
        "properties": {
            "apiVersion": {"type": "string", "description": described["api_version"]},
            "kind": {"type": "string", "description": described["kind"]},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "required": ["spec"],
        "x-kubernetes-validations": list(MODEL_RULES[SearchCampaign]),
    }
