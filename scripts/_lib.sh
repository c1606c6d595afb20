# shellcheck shell=bash
# What the scripts of the stack share. What can be done inside the image is done there, by the appliance program;
# this only speaks to the engine.

set -euo pipefail
HOME_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
COMPOSE_DIR=$HOME_DIR/compose
export DOCKER_CLI_HINTS=false COMPOSE_ANSI=never

say() { printf '%s\n' "$*"; }
warn() { printf 'look: %s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# The lines of a script's own header are its help.
help_if_asked() {
  local word
  for word in "$@"; do
    case $word in
      -h | --help) sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    esac
  done
}

compose() { (cd "$COMPOSE_DIR" && docker compose --progress quiet "$@"); }

# A verb of the appliance program in a container of its own: works when the app does not.
appliance() { compose run --rm -T --no-deps app "$@"; }

require_engine() {
  command -v docker >/dev/null || die "Docker is not installed. See docs/ops/install.md."
  docker info >/dev/null 2>&1 || die "The Docker engine does not answer. Start it, or use an account that may speak to it."
  docker compose version >/dev/null 2>&1 || die "Docker Compose v2 is missing. See docs/ops/install.md."
}

require_installed() {
  require_engine
  [ -n "$(compose ps --all --quiet app)" ] || die "There is no appliance here yet. Run scripts/install."
}

# ---- compose/.env: NAME=value, one a line ----

env_value() {
  local found=
  [ ! -f "$COMPOSE_DIR/.env" ] || found=$(sed -n "s/^$1=//p" "$COMPOSE_DIR/.env" | tail -n 1)
  printf '%s' "${found:-${2:-}}"
}

set_env() {
  local file=$COMPOSE_DIR/.env fresh
  fresh=$(mktemp "$COMPOSE_DIR/.env.XXXXXX")
  { if [ -f "$file" ]; then grep -v "^$1=" "$file" || true; fi; printf '%s=%s\n' "$1" "$2"; } >"$fresh"
  chmod 600 "$fresh"
  mv "$fresh" "$file"
}

# ---- what runs ----

app_container() { compose ps --all --quiet app | head -n 1; }
running_image() { docker inspect --format '{{.Config.Image}}' "$(app_container)"; }
running_image_id() { docker inspect --format '{{.Image}}' "$(app_container)"; }

wanted_image() { compose config --images | grep -vE '(^|/)(postgres|nginx)[:@]' | sort -u | head -n 1; }

is_ready() { compose exec -T nginx curl -fsS -o /dev/null --max-time 2 http://127.0.0.1:8080/readyz >/dev/null 2>&1; }

wait_until_ready() {
  local until=$((SECONDS + $1))
  until is_ready; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.2
  done
}

# Containers of the version in force, in their order. The database and Nginx stay as they are: Compose would make
# them anew as well, because what they depend on is new, and while Nginx is away nobody is told to come back.
renew() {
  compose rm --force --stop prepare migrate app cleanup >/dev/null 2>&1
  compose up --detach --no-recreate app cleanup 2>&1
}

milliseconds() { date +%s%3N; }
seconds_since() { local now; now=$(milliseconds); printf '%d.%d' $(((now - $1) / 1000)) $(((now - $1) % 1000 / 100)); }

published_port() { compose port nginx 8080 2>/dev/null | sed -n 's/.*://p' | head -n 1; }

# This machine's addresses, the best first: in the network that leads out, then by name.
addresses() {
  local port address
  port=$(published_port)
  address=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -nE 's/.* src ([0-9.]+).*/\1/p' || true)
  [ -n "$address" ] || address=$(hostname -I 2>/dev/null | cut -d ' ' -f 1 || true)
  [ -z "$address" ] || printf 'http://%s:%s\n' "$address" "$port"
  printf 'http://%s.local:%s\nhttp://localhost:%s\n' "$(hostname -s)" "$port" "$port"
}
