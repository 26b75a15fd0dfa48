#!/bin/sh
# The wheel in an environment of its own, without development dependencies: what a person gets who installs Sightline.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
"$1" -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check .
cd "$here"
"$here/venv/bin/sightline" --help >/dev/null
"$here/venv/bin/sightline" demo --once >"$here/answer.txt"
grep -q "Engineering" "$here/answer.txt" || { echo "smoke: the demo's answer does not name Engineering"; cat "$here/answer.txt"; exit 1; }
echo "smoke: the wheel answers without development dependencies"
