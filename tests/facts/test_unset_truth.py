"""What settings come to while the environment says nothing."""

import ast

import pytest

from scanner.facts.environment_readers import Names
from scanner.facts.unset_truth import truth_when_unset


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("os.environ.get('X') != '0'", True),
        ("os.environ.get('X') == '1'", False),
        ("os.environ.get('X', '1') == '1'", True),
        ("os.environ.get('X', '0') in ('1', 'true')", False),
        ("os.environ.get('X', '0') not in {'1', 'true'}", True),
        ("os.environ.get('X', 'True').lower() == 'true'", True),
        ("os.environ.get('X').lower() == 'true'", None),
        ("not os.environ.get('PROD')", True),
        ("not os.environ.get('PROD') and False", False),
        ("os.environ.get('X') or True", True),
        ("bool(os.environ.get('X', ''))", False),
        ("bool(os.environ.get('X', 'False'))", True),
        ("bool(int(os.environ.get('X', '0')))", False),
        ("int(os.environ.get('X', '1'))", True),
        ("strtobool(os.getenv('X', 'off'))", False),
        ("os.environ['X'] == '1'", None),
        ("env.bool('X', default=True)", True),
        ("env.bool('X', default='no')", False),
        ("env.bool('X')", None),
        ("config('X', default=False, cast=bool)", False),
        ("config('X', default='on', cast=bool)", True),
        ("os.environ.get('X', DEFAULT)", None),
        ("os.environ.get('X', 5) > 3", None),
        ("True", None),
        ("OTHER != 'x'", None),
    ],
)
def test_truth_when_unset(text: str, truth: bool | None) -> None:
    assert truth_when_unset(ast.parse(text, mode="eval").body, Names()) is truth


def test_a_deep_expression_ends() -> None:
    deep = "not " * 50 + "os.environ.get('X')"
    assert truth_when_unset(ast.parse(deep, mode="eval").body, Names()) is None
