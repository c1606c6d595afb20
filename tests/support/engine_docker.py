"""The calls of the stand-in of ``docker`` (``engine.py``) that are not those of ``docker compose``."""

from __future__ import annotations

from tests.support.engine import CALL, Engine, compose, fail, say, verb


def docker(engine: Engine, words: list[str]) -> None:  # noqa: C901, PLR0912 - a list of calls
    """One call of ``docker``."""
    match words:
        case ["compose", *rest]:
            compose(engine, rest)
        case ["info"]:
            pass
        case ["pull", "--quiet", reference]:
            engine.note(f"pull {reference}")
            if reference not in engine.registry:
                fail(f"manifest for {reference} not found")
            engine.images[reference] = engine.registry[reference]
        case ["build", "--quiet", "-f", _, "--build-arg", _, "-t", reference, _]:
            plain = "BUILDX_NO_DEFAULT_ATTESTATIONS" in CALL.get().variables
            engine.images[reference] = engine.built if plain else f"{engine.built}-at-another-time"
        case ["load", "--quiet"]:
            engine.images |= engine.bundled
        case ["tag", source, reference]:
            # As after a build in containerd's store: without a name an image is gone, whatever runs from it.
            image = source if source in engine.images.values() else engine.images.get(source)
            engine.images[reference] = image or fail(f"No such image: {source}")
        case ["image", "inspect", reference] | ["image", "inspect", "--format", "{{.Id}}", reference]:
            say(engine.images.get(reference) or fail(f"No such image: {reference}"))
        case ["rmi", reference]:
            engine.images.pop(reference, None) or fail(f"No such image: {reference}")
        case ["inspect", "--format", form, *keys]:
            for key in keys:
                say(shown(engine, form, key))
        case ["exec", key, "appliance", *rest]:
            one = engine.containers.get(key) or fail(f"No such container: {key}")
            if not one.running:
                fail(f"container {key} is not running")
            verb(engine, one.image_id, rest)
        case ["start", key] | ["start", "--attach", key]:
            engine.begin(engine.containers.get(key) or fail(f"No such container: {key}"))
        case ["logs", "--tail", "20", key]:
            say(f"RuntimeError: {engine.containers[key].service} gave up")
        case ["top", key, "-o", "pid,args"]:
            say("PID COMMAND\n1 python -m appliance serve")
        case ["run", "--rm", "--network", "host", "--entrypoint", "python", reference, "-m", module]:
            if reference not in engine.images or module != "appliance.core.networks":
                fail(f"No such image: {reference}")
        case _:
            fail(f"'docker {' '.join(words)}' is not known")


def shown(engine: Engine, form: str, key: str) -> str:
    """A container by a Go template."""
    one = engine.containers.get(key) or fail(f"No such object: {key}")
    values = {
        '{{index .Config.Labels "com.docker.compose.oneoff"}} {{.Id}}': f"False {key}",
        '{{index .Config.Labels "com.docker.compose.project.working_dir"}}': one.folder,
        '{{index .Config.Labels "com.docker.compose.config-hash"}}': one.image,
        "{{.Config.Image}}": one.image,
        "{{.Image}}": one.image_id,
        "{{.State.Health.Status}}": "healthy" if one.healthy else "starting",
    }
    return values[form] if form in values else fail(f"template: {form}")
