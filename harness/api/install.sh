#!/bin/sh
# Installs schemathesis, which tests REST against its OpenAPI document, under target/ in versions that are written down.
# Silent when it is there. Prints nothing but what it does; the program is target/schemathesis/bin/schemathesis.
set -eu
cd "$(dirname "$0")/../.."

wanted=harness/api/requirements.txt
folder=target/schemathesis
cmp -s "$wanted" "$folder/requirements.txt" && exit 0

echo "Installing schemathesis from PyPI into $folder"
mkdir -p target
rm -rf "$folder"
if ! python3 -m venv "$folder"; then
    echo "Python cannot make a virtual environment: install python3-venv, or run make setup." >&2
    exit 1
fi
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement "$wanted"
cp "$wanted" "$folder/requirements.txt"
