"""The door to Kubernetes: plain JSON objects in and out, errors of the one tree."""
