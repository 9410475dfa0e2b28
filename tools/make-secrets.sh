#!/bin/sh
# Make .env and what compose.yaml mounts as secrets. What is there stays: a new password would lock us out of the old
# database.
#
# The folder is closed and the files in it are open, because compose mounts each file with its mode here, and the
# programs in the containers run as other users than you.
set -eu
cd "$(dirname "$0")/.."
[ -e .env ] || cp .env.example .env
mkdir -p .data
mkdir -p -m 700 .data/secrets
cd .data/secrets

make_once() { # file, text
    [ -s "$1" ] || { printf '%s\n' "$2" >"$1.new" && chmod 644 "$1.new" && mv "$1.new" "$1"; }
}

make_once postgres_password "$(openssl rand -hex 24)"
make_once database_url "postgresql://spend:$(cat postgres_password)@postgres:5432/spend"
make_once encryption_keys "$(openssl rand -base64 32 | tr '+/' '-_')"
make_once alerts_token "$(openssl rand -hex 24)"
make_once grafana_admin_password "$(openssl rand -hex 12)"
make_once grafana_reader_password "$(openssl rand -hex 24)"
# Channels of alerts. Empty is off; write yours into the file.
for channel in slack_url discord_url teams_url webhook_url smtp_password pagerduty_key; do
    [ -e "$channel" ] || { : >"$channel" && chmod 644 "$channel"; }
done
