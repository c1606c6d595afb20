"""What somebody in the guests' network may try. Each attack runs in a process of its own."""

from __future__ import annotations

from tests.support.attacks import floods, http2, odd, slow

ATTACKS = {
    made.__name__: made
    for made in (
        floods.large_bodies,
        floods.wrong_passwords,
        floods.guessed_pins_and_codes,
        floods.uploads_without_password,
        floods.swelling_pictures,
        odd.odd_requests,
        odd.smuggled_requests,
        odd.ranges_and_compression,
        slow.slow_connections,
        slow.slow_readers,
        slow.heads_of_streams,
        http2.http2_floods,
    )
}
