"""A provider that takes its time and costs nothing: one answer, made once, to whatever is posted.

    python scripts/bench/_provider.py PORT SECONDS PICTURE

It speaks Gemini's JSON. The stand-ins of the tests look at every request; beside what is measured here
that would be most of the work.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections import Counter
from pathlib import Path

BUFFER = 1_048_576
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def answer_with(picture: bytes) -> bytes:
    """The whole HTTP answer."""
    part = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(picture).decode()}}
    content = {"role": "model", "parts": [{"text": "Here it is."}, part]}
    body = json.dumps({"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(port: int, seconds: float, answer: bytes) -> None:
    """Answer until the process is ended. ``GET /`` tells how many pictures were asked for."""
    asked: Counter[str] = Counter()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = _LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
                left = int(length[1]) if length else 0
                if not left:
                    said = str(asked["pictures"]).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
                    continue
                asked["pictures"] += 1
                while left:
                    left -= len(await reader.read(min(left, BUFFER)))
                await asyncio.sleep(seconds)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", port, limit=BUFFER) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), answer_with(Path(sys.argv[3]).read_bytes())))
