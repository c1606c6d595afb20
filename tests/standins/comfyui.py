"""A stand-in for ComfyUI: its routes, its checks of a graph and the forms of its errors.

They are those of ``comfyui_recorded.toml``, and a test holds it against that list. All routes are there
under /api too. A foreign ``Origin`` is refused with 403.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.standins.base import HUGE, Call, StandIn
from tests.standins.comfyui_graph import NODES, GraphCheck, said
from tests.standins.comfyui_run import Run, bad_end
from tests.standins.comfyui_socket import FLOOD, Sockets
from tests.standins.forms import BadForm, read_form
from tests.standins.picture import as_jpeg, decodes, edited
from tests.standins.script import Script, Step

WATCHED = {"watched", "watched_previews", "watched_closing", "held_at_step"}


def comfyui_app(script: Script | None = None, **options: Any) -> ComfyUI:
    return ComfyUI(script, **options)


class ComfyUI(StandIn):
    """``looks`` is how many questions for a run find it in the queue; ``nodes`` are the classes there are.

    ``older``: as before 2025-09, when runs had ids of its own, and ``/interrupt`` stopped whatever ran.
    """

    name = "comfyui"

    def __init__(
        self, script: Script | None = None, *, looks: int = 2, older: bool = False, **options: Any
    ) -> None:
        self.looks = looks
        self.older = older
        self.sockets = Sockets()
        self.held = asyncio.Event()  # lets a run that is held go on
        self.nodes = dict(NODES)
        self.deaf_until = 0.0  # a node is at work that hears of an interruption only when it has finished
        self.files: dict[tuple[str, str, str], bytes] = {}  # by type, subfolder and name
        self.broken: list[str] = []  # method and path of the next requests whose connection breaks
        self.runs: dict[str, Run] = {}
        self.history: dict[str, dict[str, Any]] = {}
        self.interrupted: list[str] = []
        self.submitted = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.forgotten = asyncio.Event()
        options.pop("keys", None)  # it has none
        super().__init__(script, **options)

    def build(self) -> Starlette:
        routes = [
            Route("/system_stats", self.stats),
            Route("/object_info", self.object_info),
            Route("/object_info/{node_class}", self.object_info),
            Route("/queue", self.queue),
            Route("/queue", self.change_queue, methods=["POST"]),
            Route("/interrupt", self.interrupt, methods=["POST"]),
            Route("/history", self.forget, methods=["POST"]),
            Route("/history", self.ended),
            Route("/history/{prompt_id}", self.ended),
            Route("/upload/image", self.upload, methods=["POST"]),
            Route("/prompt", self.counts),
            Route("/prompt", self.prompt, methods=["POST"]),
            Route("/view", self.view),
            WebSocketRoute("/ws", self.listen),
        ]
        return Starlette(routes=[*routes, Mount("/api", routes=routes)])

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        del retry_after  # it never names one
        status = {"unavailable": 503, "server_error": 500}.get(kind)
        if status:
            return PlainTextResponse("", status)
        return _refused(said("invalid_prompt", "Cannot execute", text))

    async def _seen(self, request: Request) -> Call:
        call = await self.record(request, "")
        if "origin" in call.headers:
            raise HTTPException(403)
        if (asked := f"{call.method} {call.path}") in self.broken:
            self.broken.remove(asked)
            self.abort(request)
            raise HTTPException(503)
        return call

    def hold_at(self, step: int) -> None:
        """The next run stops at this step until ``held`` is set."""
        self.held.clear()
        self.script = Script([Step("held_at_step", times=step)])

    async def listen(self, socket: WebSocket) -> None:
        await self.sockets.serve(socket, len(self.runs), self.closing)

    def restart(self) -> None:
        """What a restart leaves: nothing but the output folder."""
        self.runs.clear()
        self.history.clear()
        self.files = {place: data for place, data in self.files.items() if place[0] != "temp"}

    async def stats(self, request: Request) -> Response:
        call = await self._seen(request)
        played = await self.play_probe(call, request)
        card = {"name": "cuda:0 NVIDIA", "type": "cuda", "vram_total": 12_000_000_000, "vram_free": 9}
        return played or JSONResponse({"system": {"comfyui_version": "0.3.75"}, "devices": [card]})

    async def object_info(self, request: Request) -> Response:
        await self._seen(request)
        kind = request.path_params.get("node_class")
        return JSONResponse({name: self._facts(name) for name in self.nodes if kind in {None, name}})

    def _facts(self, name: str) -> dict[str, Any]:
        inputs, output = self.nodes[name]
        spec = {one: [kind] if isinstance(kind, str) else [kind, {}] for one, kind in inputs.items()}
        return {"input": {"required": spec}, "name": name, "output_node": output}

    async def queue(self, request: Request) -> Response:
        await self._seen(request)
        entries = [[run.number, run_id, run.graph, {}, []] for run_id, run in self.runs.items()]
        return JSONResponse({"queue_running": entries[:1], "queue_pending": entries[1:]})

    async def change_queue(self, request: Request) -> Response:
        call = await self._seen(request)
        for run_id in call.json.get("delete", []):
            if run_id in self.runs and next(iter(self.runs)) != run_id:  # what runs is not in the queue
                del self.runs[run_id]
                self.cancelled.set()
        return Response("", 200)

    async def interrupt(self, request: Request) -> Response:
        call = await self._seen(request)
        running = next(iter(self.runs), None)
        if (
            time.monotonic() >= self.deaf_until
            and running
            and (self.older or call.json.get("prompt_id") in {running, None})
        ):
            self.runs[running].step = Step("interrupted")
            await self._end(running)
            self.interrupted.append(running)
            self.cancelled.set()
        return Response("", 200)

    async def forget(self, request: Request) -> Response:
        call = await self._seen(request)
        for run_id in call.json["delete"]:
            self.history.pop(run_id, None)
        self.forgotten.set()
        return Response("", 200)

    async def upload(self, request: Request) -> Response:
        call = await self._seen(request)
        try:
            call.fields, call.files = read_form(call.headers.get("content-type", ""), call.body)
        except BadForm:
            return Response("", 400)
        kind, folder = call.field("type") or "input", call.field("subfolder") or ""
        image = next((file for file in call.files if file.name == "image"), None)
        if image is None or kind not in {"input", "temp", "output"} or ".." in folder:
            return Response("", 400)
        self.files[kind, folder, image.filename] = image.data
        return JSONResponse({"name": image.filename, "subfolder": folder, "type": kind})

    async def counts(self, request: Request) -> Response:
        await self._seen(request)
        return JSONResponse({"exec_info": {"queue_remaining": len(self.runs)}})

    async def prompt(self, request: Request) -> Response:
        call = await self._seen(request)
        body = json.loads(call.body)
        if "prompt" not in body:
            return _refused(said("no_prompt", "No prompt provided", "No prompt provided"))
        run_id = None if self.older else body.get("prompt_id")
        if run_id is not None and not _is_uuid(run_id):
            text = "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
            text += "omit it to let the server generate one"
            return _refused(said("invalid_prompt_id", "prompt_id must be a valid UUID", text))
        check = GraphCheck(body["prompt"], self.nodes, lambda name: self._file(name) is not None)
        if refusal := check.refusal():
            return _refused(refusal, check.errors)
        step = self.script.next(call.key)
        call.step = step.name
        if played := await self.play(step, call, request):
            return played
        run_id = run_id or str(uuid.uuid4())
        if step.name == "taken_late":
            await self.pause(step.seconds)
        self.submitted.set()
        seconds = self.seconds + (step.seconds if step.name == "slow" else 0.0)
        client_id = body.get("client_id", "")
        self.runs[run_id] = Run(
            len(self.calls), body["prompt"], step, self.looks, check.good, client_id, seconds
        )
        if step.name == "restart":
            self.restart()
        if step.name == "taken_silently":
            await self.closing.wait()
        return JSONResponse({"prompt_id": run_id, "number": len(self.calls), "node_errors": check.errors})

    def _file(self, named: str) -> bytes | None:
        path, kind = (
            (named.removesuffix(" [temp]"), "temp") if named.endswith(" [temp]") else (named, "input")
        )
        folder, _, name = path.rpartition("/")
        return self.files.get((kind, folder, name))

    async def ended(self, request: Request) -> Response:
        await self._seen(request)
        run_id = request.path_params.get("prompt_id")
        run = self.runs.get(run_id) if run_id else None
        if run is not None and next(iter(self.runs)) == run_id:
            if run.step.name == "look_fails" and run.looks:
                run.looks -= 1
                return self.error("unavailable")
            run.looks -= 1
            await self._work(run_id, run)
            if run.looks < 0 and run.step.name != "never_done" and run_id in self.runs:
                await self._end(run_id)
        if run_id is None:
            return JSONResponse(self.history)
        return JSONResponse({run_id: self.history[run_id]} if run_id in self.history else {})

    async def _work(self, run_id: str, run: Run) -> None:
        """Go on with a run, and say how far it is; what takes time or is watched is not over too soon."""
        node, steps = run.sampler
        if run.began is None:
            run.began = time.monotonic()
            for kind, data in (
                ("execution_start", {}),
                ("execution_cached", {"nodes": []}),
                ("executing", {"node": node, "display_node": node}),
            ):
                await self.sockets.send(kind, {"prompt_id": run_id, **data}, run.client_id)
        spent, watched = time.monotonic() - run.began, run.step.name in WATCHED
        held = run.step.name == "held_at_step" and run.at == run.step.times and not self.held.is_set()
        if run.seconds:
            run.at = min(steps, int(steps * spent / run.seconds))
        elif not watched or run.client_id in self.sockets.listening or run.at:
            run.at = min(steps, run.at + (not held))
        if spent < run.seconds or (watched and run.at < steps):
            run.looks = max(run.looks, 0)
        if run.step.name == "watched_previews":
            await self.sockets.preview(run.client_id, FLOOD)
        await self._said_of_step(run_id, run)
        if run.step.name == "watched_closing" and run.at == 2:
            await self.sockets.hang_up(run.client_id)

    async def _said_of_step(self, run_id: str, run: Run) -> None:
        node, steps = run.sampler
        counts = {"value": run.at, "max": steps, "prompt_id": run_id}
        await self.sockets.send("progress", {**counts, "node": node}, run.client_id)
        if not self.older:
            names = dict.fromkeys(("node_id", "display_node_id", "real_node_id"), node)
            state = {**counts, "state": "running", "parent_node_id": None, **names}
            told = {"prompt_id": run_id, "nodes": {node: state}}
            await self.sockets.send("progress_state", told, run.client_id)
        await self.sockets.preview(run.client_id)

    async def _end(self, run_id: str) -> None:
        """Put a run into the history, and say so."""
        run = self.runs.pop(run_id)
        ended = await self._outcome(run)
        self.history[run_id] = ended
        for _, data in ended["status"]["messages"]:
            data |= {"prompt_id": run_id, "timestamp": round(time.time() * 1000)}
        for number, output in ended["outputs"].items():
            done = {"node": number, "display_node": number, "output": output, "prompt_id": run_id}
            await self.sockets.send("executed", done, run.client_id)
        await self.sockets.send(*ended["status"]["messages"][-1], run.client_id)
        await self.sockets.send("executing", {"node": None, "prompt_id": run_id}, run.client_id)

    async def _outcome(self, run: Run) -> dict[str, Any]:
        step, outputs, status = run.step.name, {}, {"status_str": "error", "completed": False}
        messages: list[Any] = [["execution_start", {}], ["execution_cached", {"nodes": []}]]
        if broken := bad_end(step):
            messages.append(broken)
            if step == "other_output_fails":
                picture = await self._picture("PreviewImage", run)
                outputs = {number: {"images": [picture]} for number in run.outputs}
        else:
            status = {"status_str": "success", "completed": True}
            messages.append(["execution_success", {}])
            for number in run.outputs:
                kind = run.graph[number]["class_type"]
                if kind == "PreviewAny":
                    outputs[number] = {"text": ["a value"]}
                elif step != "no_image":
                    outputs[number] = {"images": [await self._picture(kind, run)]}
        prompt = [run.number, "", run.graph, {}, run.outputs]
        return {"prompt": prompt, "outputs": outputs, "status": status | {"messages": messages}, "meta": {}}

    async def _picture(self, kind: str, run: Run) -> dict[str, str]:
        loads = [node for node in run.graph.values() if node["class_type"] == "LoadImage"]
        images = [self._file(node["inputs"]["image"]) or b"" for node in loads]
        extra = images[1] if len(images) > 1 else None
        data = run.step.picture
        if not data:
            data = await asyncio.to_thread(edited, images[0], self.name, extra=extra, kind="png")
            assert decodes(data)
        if run.step.name == "huge":
            data += bytes(2 * HUGE - len(data))
        if run.step.name == "broken_picture":
            data = data[: len(data) // 2]
        place = "temp" if kind == "PreviewImage" else "output"
        name = f"ComfyUI_{run.number:05}_.png"
        self.files[place, "", name] = data
        return {"filename": name, "subfolder": "", "type": place}

    async def view(self, request: Request) -> Response:
        await self._seen(request)
        asked = request.query_params
        data = self.files.get((asked.get("type", "output"), asked.get("subfolder", ""), asked["filename"]))
        if data and asked.get("preview") == "jpeg;92":
            return Response(as_jpeg(data), media_type="image/jpeg")
        return Response(data, media_type="image/png") if data else Response("", 404)


def _refused(error: dict[str, Any], node_errors: dict[str, Any] | None = None) -> Response:
    return JSONResponse({"error": error, "node_errors": node_errors or {}}, 400)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
