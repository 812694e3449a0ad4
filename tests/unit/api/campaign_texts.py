"""A campaign file that is good, for tests to spoil."""

from __future__ import annotations

from typing import Final

GOOD: Final = """\
apiVersion: corebound.dev/v1alpha1
kind: SearchCampaign
metadata: {name: good}
spec:
  trials: 10
  threads: auto
  objectives:
    - {metric: loss, direction: minimize}
  search:
    sampler: {name: tpe, options: {n_startup_trials: 5}}
    parameters:
      - {name: lr, type: float, low: 1e-5, high: 0.1, log: true}
      - {name: layers, type: int, low: 1, high: 4}
  trial:
    command: [python, train.py, --lr, "{lr}"]
    memory: 512Mi
    timeout: 1h30m
"""
