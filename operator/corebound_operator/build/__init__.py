"""Manifests, as pure functions of a campaign, its plan and the operator's settings."""
