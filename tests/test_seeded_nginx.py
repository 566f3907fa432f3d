"""The seeded bench, our side of it: each fault is found by its rule on its line, and nothing on the base."""

import pytest

from benchmarks.seeded_faults import FAULTS, Fault
from benchmarks.seeded_nginx import BASE, changed_text, is_found, judge_variant, refused
from scanner.nginx.tree import parse
from scanner.sandbox.local_programs import nginx


def test_nothing_is_found_on_the_base() -> None:
    assert judge_variant(None) == ()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_by_its_rule_on_its_line(fault: Fault) -> None:
    assert is_found(fault, judge_variant(fault)), judge_variant(fault)


def test_nginx_takes_every_variant_and_so_does_the_parser() -> None:
    texts = [BASE, *dict.fromkeys(changed_text(fault) for fault in FAULTS)]
    assert [parse(text, "nginx.conf").problems for text in texts] == [()] * len(texts)
    program = nginx()
    if program is None:
        pytest.skip("nginx is not installed")
    assert [words for words in refused(texts, program) if words] == []


def test_the_faults_are_many_and_of_many_rules() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60
    assert len({fault.rule for fault in FAULTS}) >= 40
