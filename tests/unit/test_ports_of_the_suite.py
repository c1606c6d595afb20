"""Ports of the suite's workers: chosen at the same time, they never meet."""

from __future__ import annotations

from itertools import islice

from appliance.bare import ports
from tests.support.stack import PORTS, ports_of


def test_no_two_workers_are_given_the_same_port() -> None:
    given = [set(islice(ports_of(worker, 4, start=7_919), len(PORTS))) for worker in range(4)]
    assert sum(len(one) for one in given) == len(set.union(*given)) == len(PORTS)


def test_a_port_comes_again_only_after_all_others() -> None:
    given = list(islice(ports_of(0, 1, start=len(PORTS) - 1), len(PORTS)))
    assert len(set(given)) == len(PORTS)
    assert set(given) == set(PORTS)


def test_an_appliance_that_is_tested_chooses_among_others() -> None:
    assert set(ports.PORTS).isdisjoint(PORTS)
