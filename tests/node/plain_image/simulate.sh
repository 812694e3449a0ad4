#!/bin/sh
# A program of any kind: it says the loss for the rate it was given.
echo "loss=$(awk "BEGIN { print ($1 - 0.5) ^ 2 }")"
